// Single operations towards a peer, each over a carrier of its own: connect() and ping().
#pragma once

#include "engine/client/outbound_carrier.hpp"
#include "engine/client/stream_impl.hpp"

namespace chuantou::engine {

using ConnectDone = std::function<void(std::error_code error, const Error* detail, std::shared_ptr<detail::StreamImpl> stream)>;
/// Opens a stream and waits for the target's answer. `done` runs once, on the client's thread.
void connectToPeer(ClientContext& context, std::shared_ptr<net::IoThread> thread, const Target& target, Duration deadline,
                   ConnectDone done);

using PingDone = std::function<void(const Error* error, std::chrono::microseconds rtt)>;
/// The round trip of the second PING on a new carrier: the first one pays for the set-up.
void pingPeer(ClientContext& context, const Target& target, Duration deadline, PingDone done);

}  // namespace chuantou::engine
