// What was tried on the way to the server and to peers, as JSON: in `ctc status`, and wherever else ways are tried.
#pragma once

#include "chuantou/transport.hpp"
#include "daemon/json_writer.hpp"

namespace chuantou::daemon {

/// An array of objects: kind, where, ok, successes, failures, latencyUs, lastError.
void writeTransports(JsonWriter& json, std::string_view key, const std::vector<TransportInfo>& transports);
/// The array `peerWays` of objects: id, and `ways`, which are as above.
void writePeerWays(JsonWriter& json, const std::vector<PeerWays>& peers);

}  // namespace chuantou::daemon
