#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include "api/server_access.hpp"
#include "base/target_host.hpp"
#include "chuantou/server.hpp"
#include "cts/commands.hpp"
#include "daemon/failure.hpp"
#include "daemon/join_line.hpp"
#include "daemon/language.hpp"
#include "daemon/output.hpp"
#include "daemon/phrases.hpp"
#include "daemon/process.hpp"
#include "daemon/proxy_text.hpp"
#include "daemon/running_daemon.hpp"
#include "daemon/server_api.hpp"
#include "daemon/server_certificate.hpp"
#include "net/state_file.hpp"

namespace chuantou::apps {

namespace {

constexpr daemon::Phrase kLoopbackOnly{
    "without --token the server listens on this machine's loopback only; give --token T (or --allow-anonymous) to let "
    "other machines in",
    "没有 --token，服务器仅监听本机回环地址；要让其他机器连接，请指定 --token 令牌（或 --allow-anonymous）"};

std::string tokenOf(const ServerOptions& options) {
  if (options.tokenFile.empty()) return options.token;
  const Language language = options.language;
  if (!options.token.empty()) throw daemon::Failure{say(language, daemon::kTwoTokens), daemon::kExitUsage};
  constexpr std::size_t kMaxToken = 1024;
  std::string token;
  try {
    const auto content = net::readFile(options.tokenFile, kMaxToken + 2);
    if (!content) throw std::system_error(ENOENT, std::generic_category());
    token = *content;
  } catch (const std::system_error& error) {
    throw daemon::Failure{say(language, daemon::kCannotRead, options.tokenFile, error.code().message())};
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.empty() || token.size() > kMaxToken || token.find('\n') != std::string::npos) {
    throw daemon::Failure{say(language, daemon::kBadTokenFile, options.tokenFile)};
  }
  return token;
}

ServerConfig configOf(const ServerOptions& options, const daemon::RunningDaemon& self) {
  ServerConfig config;
  config.host = options.host;
  config.port = options.port;
  config.token = tokenOf(options);
  // Who asked for loopback knows who comes there.
  config.makeToken = config.token.empty() && !options.allowAnonymous && !isThisMachine(options.host);
  config.allowAnonymous = options.allowAnonymous;
  config.allowKeyless = options.allowKeyless;
  config.stateDir = self.folder();
  config.tlsCertificateFile = options.tlsCertificateFile;
  config.tlsKeyFile = options.tlsKeyFile;
  if (options.tlsCertificateFile.empty() && options.tlsKeyFile.empty() && self.hasState()) {
    config.tlsCertificateFile = self.file(daemon::kCertificateFileName);
    config.tlsKeyFile = self.file(daemon::kCertificateKeyFileName);
    daemon::keepServerCertificate(config.tlsCertificateFile, config.tlsKeyFile, options.host);
  }
  config.extraPorts = options.extraPorts;
  config.threads = options.threads;
  config.handshakeTimeout = std::chrono::milliseconds{options.handshakeTimeoutMs};
  config.pairingTimeout = std::chrono::milliseconds{options.pairingTimeoutMs};
  config.heartbeatInterval = std::chrono::milliseconds{options.heartbeatIntervalMs};
  config.heartbeatTimeout = std::chrono::milliseconds{options.heartbeatTimeoutMs};
  config.returnTimeout = std::chrono::milliseconds{options.returnTimeoutMs};
  config.stunAltAddress = options.stunAltAddress;
  options.limits.applyTo(config);
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
  const ServerConfig config = configOf(options, self);
  Server server{config};
  const auto join = [&](std::string_view secret) {
    const std::string host = options.publicHost.empty() ? daemon::reachableHost(server.host()) : options.publicHost;
    const bool given = secret.empty() && !config.token.empty();
    // A certificate that the operator brings is one that an authority vouches for, and its key may be another one tomorrow.
    const std::string pin = options.tlsCertificateFile.empty() ? server.fingerprint() : std::string{};
    return daemon::joinCommand({host, server.port()}, given ? daemon::kGivenToken.in(options.language) : secret, pin);
  };
  daemon::ServerApi api{server, daemon::ApiGuard{self.token(), false}, join};
  detail::ServerAccess::setHttpHandler(server, [&api](const net::HttpRequest& request) { return api.handle(request); });
  server.start();
  if (config.token.empty() && !config.makeToken && !config.allowAnonymous) {
    daemon::printError(daemon::say(options.language, kLoopbackOnly));
  }
  self.publish(adminUrl(server.host(), server.port()));
  daemon::printLine("listening on " + daemon::hostPort(server.host(), server.port()));
  for (const std::uint16_t port : server.extraPorts()) daemon::printLine("also on port " + std::to_string(port));
  daemon::printLine("join: " + join(server.madeToken()));
  daemon::releaseSpareMemory();

  stop.wait();
  self.unpublish();
  server.stop();
  return daemon::kExitDone;
}

}  // namespace chuantou::apps
