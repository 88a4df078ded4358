// A socket on all addresses that knows to which one a datagram was sent, and answers from that one: else the system
// chooses by the route back, and behind a NAT the answer is a stranger's.
#pragma once

#include <sys/socket.h>

#include <optional>

#include "net/types.hpp"

namespace chuantou::net {

/// Room that it takes among what is received with a datagram.
inline constexpr std::size_t kDestinationBytes = 64;

/// From now on datagrams come with their destination. False: the system cannot tell.
bool enableDestinations(UdpSocket& socket);
/// Of a received message; nothing where the socket was not told to say it.
std::optional<asio::ip::address> destinationOf(const cmsghdr& control);
/// One datagram from this address of the machine. False: the system did not take it.
bool sendFrom(UdpSocket& socket, const asio::ip::address& source, const UdpEndpoint& to,
              std::span<const std::uint8_t> bytes);

}  // namespace chuantou::net
