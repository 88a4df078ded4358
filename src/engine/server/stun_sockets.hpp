// The server's second address for STUN (RFC 5780): what the operator wants, and the sockets that it takes.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "net/types.hpp"
#include "stun/responder.hpp"

namespace chuantou::engine {

/// ServerConfig::stunAltAddress.
struct StunAltAddress {
  IpAddress ip;
  std::optional<std::uint16_t> port;
};
/// "IP", "IP:PORT", "[IPv6]:PORT". Errors: invalid_argument.
Result<StunAltAddress> parseStunAltAddress(const std::string& text);

struct StunSockets {
  stun::ResponderConfig::Alternates addresses;
  std::vector<net::UdpSocket> sockets;  ///< besides the server's own
};

/// Beside the server's own UDP sockets. Without a given port it is the next one; where `anyPort` is set, one that the
/// system chooses. Errors: invalid_argument (not beside these sockets), and those of net::listenOn().
Result<StunSockets> openStunSockets(asio::io_context& context, const StunAltAddress& wanted,
                                    const std::vector<net::UdpSocket>& own, bool anyPort);

}  // namespace chuantou::engine
