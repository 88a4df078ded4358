// Hosts, ports and server URLs as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace chuantou {

struct HostPort {
  std::string host;  ///< an IPv6 address without brackets
  std::uint16_t port = 0;
  bool operator==(const HostPort&) const = default;
};

/// 1 to 65535, digits only; with `zero` also 0.
std::optional<std::uint16_t> parsePort(std::string_view text, bool zero = false);
/// "host:port", "[::1]:port"; the port may be missing if `defaultPort` is not 0.
std::optional<HostPort> parseHostPort(std::string_view text, std::uint16_t defaultPort = 0);
/// Brackets around IPv6 addresses.
std::string formatHostPort(std::string_view host, std::uint16_t port);

inline constexpr std::uint16_t kDefaultServerPort = 8200;

/// "ws://HOST[:PORT][/PATH]", "wss://…", or just "HOST[:PORT]".
struct ServerUrl {
  bool tls = false;
  HostPort at;
  std::string path = "/";
  std::string str() const;
};
Result<ServerUrl> parseServerUrl(std::string_view text);

}  // namespace chuantou
