// A ping over UDP: a flow of its own to no service of the peer's, whose ctc sends back what comes on it.
#pragma once

#include "engine/client/udp_link.hpp"

namespace chuantou::engine {

/// `roundTrips`: of each datagram in the order of sending; none: it was lost.
using UdpPingDone = std::function<void(const Error* error, std::vector<std::optional<std::chrono::microseconds>> roundTrips)>;

/// `options` have been checked. `done` runs once, on the client's thread, at the deadline at the latest: with an error unless the
/// flow stood, both sides having proved their addresses and agreed on keys.
void pingPeerOverUdp(ClientContext& context, UdpLink& link, const Target& target, const UdpPingOptions& options, UdpPingDone done);

}  // namespace chuantou::engine
