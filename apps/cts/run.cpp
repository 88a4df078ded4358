#include <fmt/format.h>

#include "api/server_access.hpp"
#include "chuantou/server.hpp"
#include "cts/commands.hpp"
#include "daemon/failure.hpp"
#include "daemon/language.hpp"
#include "daemon/output.hpp"
#include "daemon/process.hpp"
#include "daemon/proxy_text.hpp"
#include "daemon/running_daemon.hpp"
#include "daemon/server_api.hpp"
#include "daemon/server_certificate.hpp"

namespace chuantou::apps {

namespace {

constexpr daemon::Phrase kLoopbackOnly{
    "without --token the server listens on this machine's loopback only; give --token T (or --allow-anonymous) to let "
    "other machines in",
    "没有 --token，服务器仅监听本机回环地址；要让其他机器连接，请指定 --token 令牌（或 --allow-anonymous）"};

ServerConfig configOf(const ServerOptions& options, const daemon::RunningDaemon& self) {
  ServerConfig config;
  config.host = options.host;
  config.port = options.port;
  config.token = options.token;
  config.allowAnonymous = options.allowAnonymous;
  config.tlsCertificateFile = options.tlsCertificateFile;
  config.tlsKeyFile = options.tlsKeyFile;
  if (options.tlsCertificateFile.empty() && options.tlsKeyFile.empty() && self.hasState()) {
    config.tlsCertificateFile = self.file(daemon::kCertificateFileName);
    config.tlsKeyFile = self.file(daemon::kCertificateKeyFileName);
    daemon::keepServerCertificate(config.tlsCertificateFile, config.tlsKeyFile, options.host);
  }
  config.threads = options.threads;
  config.handshakeTimeout = std::chrono::milliseconds{options.handshakeTimeoutMs};
  config.pairingTimeout = std::chrono::milliseconds{options.pairingTimeoutMs};
  config.heartbeatInterval = std::chrono::milliseconds{options.heartbeatIntervalMs};
  config.heartbeatTimeout = std::chrono::milliseconds{options.heartbeatTimeoutMs};
  config.logLevel = options.logLevel;
  config.log = daemon::makeLogSink(options.logFormat);
  config.language = options.language;
  return config;
}

/// Where a program on this machine reaches a port that listens on `host`.
std::string adminUrl(const std::string& host, std::uint16_t port) {
  const bool any = host.empty() || host == "0.0.0.0" || host == "*";
  return "http://" + daemon::hostPort(any ? "127.0.0.1" : host == "::" ? "::1" : host, port);
}

}  // namespace

int runServer(const ServerOptions& options) {
  daemon::StopSignal stop;
  daemon::raiseFileLimit();

  daemon::RunningDaemon self{"cts", options.dataDir, options.language};
  Server server{configOf(options, self)};
  daemon::ServerApi api{server, daemon::ApiGuard{self.token(), false}};
  detail::ServerAccess::setHttpHandler(server, [&api](const net::HttpRequest& request) { return api.handle(request); });
  try {
    server.start();
  } catch (const Error& error) {
    if (error.errc() != Errc::port_in_use) throw;
    throw Error{Errc::port_in_use, error.subject(), "--port"};
  }
  if (options.token.empty() && !options.allowAnonymous) {
    daemon::printError(daemon::say(options.language, kLoopbackOnly));
  }
  self.publish(adminUrl(server.host(), server.port()));
  daemon::printLine("listening on " + daemon::hostPort(server.host(), server.port()));
  daemon::releaseSpareMemory();

  stop.wait();
  self.unpublish();
  server.stop();
  return daemon::kExitDone;
}

}  // namespace chuantou::apps
