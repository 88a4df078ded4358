#include "engine/client/server_way.hpp"

#include "net/proxy_environment.hpp"

namespace chuantou::engine {

namespace {

/// Nothing keeps a connection of this machine to itself from its port.
bool isHere(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace

std::string ServerWay::str() const { return proxy ? url.str() + " through " + proxy->str() : url.str(); }

std::vector<ServerWay> waysTo(const ServerUrl& url, const ClientConfig& config) {
  std::optional<ProxyUrl> proxy;
  const bool given = !config.proxy.empty() && config.proxy != "none";
  auto chosen = given ? parseProxyUrl(config.proxy) : Result<ProxyUrl>{Errc::not_found};
  if (given) {
    if (!chosen) throw chosen.error();
    proxy = std::move(*chosen);
  } else if (config.proxy.empty()) {
    auto named = proxyOf(net::readProxyEnvironment(), url);
    if (!named) throw named.error();
    proxy = std::move(*named);
  }
  std::vector<ServerWay> out;
  const auto add = [&](const ServerUrl& to, bool guessed) {
    if (proxy) out.push_back(ServerWay{to, proxy, guessed});
    if (!proxy || !given) out.push_back(ServerWay{to, {}, guessed});
  };
  add(url, false);
  if (config.fallbackPort == 0 || config.fallbackPort == url.at.port || isHere(url.at.host)) return out;
  ServerUrl other = url;
  other.tls = true;
  other.at.port = config.fallbackPort;
  add(other, true);
  return out;
}

}  // namespace chuantou::engine
