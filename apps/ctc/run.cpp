#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "chuantou/client.hpp"
#include "chuantou/nat_detector.hpp"
#include "ctc/commands.hpp"
#include "ctc/state_reporter.hpp"
#include "daemon/client_api.hpp"
#include "daemon/failure.hpp"
#include "daemon/identity_file.hpp"
#include "daemon/output.hpp"
#include "daemon/phrases.hpp"
#include "daemon/process.hpp"
#include "daemon/proxy_text.hpp"
#include "daemon/random_token.hpp"
#include "daemon/running_daemon.hpp"
#include "net/http_server.hpp"
#include "net/state_file.hpp"

namespace chuantou::apps {

namespace {

using daemon::say;

constexpr const char* kIdFileName = "id";
constexpr daemon::Phrase kAdminPortTaken{"port {0} is in use; the admin API is on port {1} instead",
                                         "端口 {0} 已被占用；管理接口改用端口 {1}"};
constexpr daemon::Phrase kTemporaryKey{
    "this run has a key of its own, which others do not remember; --identity FILE or a --data-dir keeps one",
    "本次运行使用临时密钥，其他客户端不会记住；用 --identity 文件 或 --data-dir 保存密钥"};

/// The name given, or the one that an earlier run made up, or a new one that later runs find.
std::string idOf(const ClientOptions& options, const daemon::RunningDaemon& self) {
  if (!options.id.empty()) return options.id;
  const std::string made = "c-" + daemon::randomToken().substr(0, 16);
  if (!self.hasState()) return made;
  std::string stored = net::readFile(self.file(kIdFileName), 128).value_or("");
  while (!stored.empty() && stored.back() == '\n') stored.pop_back();
  if (daemon::isClientId(stored)) return stored;
  net::writeFileAtomically(self.file(kIdFileName), made + "\n");
  return made;
}

ClientConfig configOf(const ClientOptions& options, const daemon::RunningDaemon& self) {
  ClientConfig config;
  config.serverUrl = options.serverUrl;
  config.clientId = idOf(options, self);
  config.token = options.token;
  config.serverFingerprint = options.fingerprint;
  config.dataTls = options.dataTls;
  config.proxy = options.wayOut;
  config.fallbackPort = options.fallbackPort;
  config.allow = options.allow;
  config.encryption = options.encryption;
  config.patience = options.patience;
  config.identityFile = options.identityFile;
  if (self.hasState()) {
    if (config.identityFile.empty()) config.identityFile = self.file(daemon::kIdentityFileName);
    config.knownPeersFile = self.file(daemon::kKnownPeersFileName);
  }
  if (config.identityFile.empty()) daemon::printError(say(options.language, kTemporaryKey));
  config.logLevel = options.logLevel;
  config.log = daemon::makeLogSink(options.logFormat);
  config.language = options.language;
  return config;
}

void openProxy(Client& client, const ProxyOptions& options) {
  daemon::printLine(daemon::proxyLine(client.createProxy(options).options()));
}

/// Those of earlier runs: one that cannot be opened now is no reason to fail, another program may hold its port for a
/// while.
void openStoredProxies(Client& client, const daemon::ProxyStore& store, const ClientOptions& options) {
  for (const ProxyOptions& stored : store.list()) {
    const auto same = [&](const ProxyOptions& o) {
      return o.localPort == stored.localPort && o.localHost == stored.localHost;
    };
    if (std::any_of(options.local.begin(), options.local.end(), same)) continue;  // -L says what this port is today
    try {
      openProxy(client, stored);
    } catch (const Error& error) {
      daemon::printError(
          say(options.language, daemon::kStoredProxySkipped, stored.localPort, error.message(options.language)));
    }
  }
}

std::unique_ptr<net::HttpServer> openAdminPort(const ClientOptions& options, const net::HttpHandler& handler) {
  try {
    return std::make_unique<net::HttpServer>("127.0.0.1", options.adminPort, handler);
  } catch (const Error& error) {
    if (error.errc() != Errc::port_in_use) throw;
    if (options.adminPortGiven) throw Error{Errc::port_in_use, error.subject(), "--port"};
  }
  auto server = std::make_unique<net::HttpServer>("127.0.0.1", 0, handler);
  daemon::printError(say(options.language, kAdminPortTaken, options.adminPort, server->port()));
  return server;
}

}  // namespace

int runClient(const ClientOptions& options) {
  daemon::StopSignal stop;
  daemon::raiseFileLimit();

  daemon::RunningDaemon self{"ctc", options.dataDir, options.language};
  self.keepToken();
  std::unique_ptr<daemon::ProxyStore> store;
  if (self.hasState())
    store = std::make_unique<daemon::ProxyStore>(self.file(daemon::kProxyFileName), options.language);

  Client client{configOf(options, self)};
  StateReporter reporter{client, options, stop};
  client.onStateChange([&reporter](ClientState state, std::error_code reason) { reporter.report(state, reason); });

  // Before anything else starts: a port in use is the user's mistake to mend, and nothing of this run should be seen.
  for (const ProxyOptions& local : options.local) openProxy(client, local);
  NatDetectorConfig natConfig;
  natConfig.serverUrls = {options.serverUrl};
  NatDetector detector{natConfig};
  daemon::ClientApi api{client, detector, store.get(), daemon::ApiGuard{self.token(), true}, options.udpIdleTimeout};
  auto admin = openAdminPort(options, [&api](const net::HttpRequest& request) { return api.handle(request); });
  if (store) openStoredProxies(client, *store, options);
  const std::string url = fmt::format("http://127.0.0.1:{}", admin->port());
  self.publish(url);
  daemon::printLine("admin " + url);
  daemon::printLine("key " + client.publicKey());

  client.startInBackground();
  daemon::releaseSpareMemory();
  stop.wait();
  self.unpublish();
  client.stop();
  detector.stop();  // whoever asks the admin API for a report waits no longer
  admin.reset();
  return reporter.failed() ? daemon::kExitFailed : daemon::kExitDone;
}

}  // namespace chuantou::apps
