// Proxies on the way to the server: how they are written, and which one the environment names for a server.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint_text.hpp"
#include "base/secret.hpp"

namespace chuantou {

enum class ProxyKind { http, socks5 };

/// "http://[USER:PASSWORD@]HOST[:PORT]" (CONNECT, port 80 if none is given) or "socks5://…" (port 1080; also socks5h: names
/// are always resolved by the proxy). Without a scheme it is http. User and password may have %XX.
struct ProxyUrl {
  ProxyKind kind = ProxyKind::http;
  HostPort at;
  std::string user;  ///< empty: without authentication
  Secret password;
  /// Without user and password.
  std::string str() const;
};
Result<ProxyUrl> parseProxyUrl(std::string_view text);

/// What the variables of an environment say; of a pair in both cases the lower one.
struct ProxyEnvironment {
  std::string http;   ///< http_proxy, lower case only: the other is what a CGI's caller can set (httpoxy)
  std::string https;  ///< https_proxy, HTTPS_PROXY
  std::string all;    ///< all_proxy, ALL_PROXY
  std::string none;   ///< no_proxy, NO_PROXY: names with their subdomains, addresses, blocks, each maybe with a port; or *
};

/// Nothing: no proxy for this server. Never one for this machine itself. An error: what is named is not understood.
Result<std::optional<ProxyUrl>> proxyOf(const ProxyEnvironment& environment, const ServerUrl& server);

}  // namespace chuantou
