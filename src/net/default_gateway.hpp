// The router that this machine sends to what it does not know: the one to ask for port mappings.
#pragma once

#include <asio/ip/address_v4.hpp>
#include <optional>
#include <string_view>

#include "net/types.hpp"

namespace chuantou::net {

struct DefaultGateway {
  asio::ip::address_v4 address;
  asio::ip::address_v4 local;  ///< ours, as the gateway sees it
  bool operator==(const DefaultGateway&) const = default;
};

/// Of IPv4, the route with the lowest metric. Nothing without one, and on systems other than Linux.
std::optional<DefaultGateway> findDefaultGateway(asio::io_context& context);
/// The same route's gateway in a text like /proc/net/route.
std::optional<asio::ip::address_v4> gatewayOf(std::string_view routes);

}  // namespace chuantou::net
