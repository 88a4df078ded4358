// What a server listens on: its addresses, its port and the extra ones, and the second address for STUN.
#pragma once

#include "chuantou/server.hpp"
#include "engine/server/stun_sockets.hpp"

namespace chuantou::engine {

struct ServerSockets {
  std::string host;  ///< of the first one
  std::uint16_t port = 0;
  std::vector<std::uint16_t> extraPorts;
  std::vector<net::Acceptor> tcp;  ///< of all ports
  std::vector<net::UdpSocket> udp;
  std::optional<StunSockets> second;
};

/// All that the configuration wants, or none. Errors: invalid_argument (other machines would come in without a token), those of
/// net::listenOn() and of openStunSockets().
Result<ServerSockets> openServerSockets(asio::io_context& context, const ServerConfig& config, const std::optional<StunAltAddress>& stunAlt);

}  // namespace chuantou::engine
