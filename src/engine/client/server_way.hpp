// The ways on which a server may be reached: its port, port 443 where a firewall lets nothing else out, and through a proxy.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/proxy_url.hpp"
#include "chuantou/client.hpp"

namespace chuantou::engine {

struct ServerWay {
  ServerUrl url;
  std::optional<ProxyUrl> proxy;
  /// Not the port that the URL names, but one where the server may listen as well; always with TLS, for data channels too.
  bool guessed = false;
  /// "wss://host:443 through http://proxy:3128".
  std::string str() const;
};

/// In the order in which they are to be tried. A proxy that the configuration names is the only way out; one of the
/// environment comes first. Throws Error(invalid_argument).
std::vector<ServerWay> waysTo(const ServerUrl& url, const ClientConfig& config);

}  // namespace chuantou::engine
