#include "daemon/transport_json.hpp"

namespace chuantou::daemon {

void writeTransports(JsonWriter& json, std::string_view key, const std::vector<TransportInfo>& transports) {
  json.beginArray(key);
  for (const TransportInfo& transport : transports) {
    json.beginObject();
    json.field("kind", transport.kind);
    json.field("where", transport.where);
    json.field("ok", transport.ok);
    json.field("successes", transport.successes);
    json.field("failures", transport.failures);
    json.field("latencyUs", static_cast<std::int64_t>(transport.latency.count()));
    json.field("lastError", transport.lastError);
    json.endObject();
  }
  json.endArray();
}

void writePeerWays(JsonWriter& json, const std::vector<PeerWays>& peers) {
  json.beginArray("peerWays");
  for (const PeerWays& peer : peers) {
    json.beginObject();
    json.field("id", peer.peer);
    writeTransports(json, "ways", peer.ways);
    json.endObject();
  }
  json.endArray();
}

}  // namespace chuantou::daemon
