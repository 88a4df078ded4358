#include "daemon/nat_report_json.hpp"

#include "daemon/json_writer.hpp"
#include "daemon/nat_report_text.hpp"

namespace chuantou::daemon {

namespace {

double milliseconds(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000.0; }

void writeFlag(JsonWriter& json, const char* key, const std::optional<bool>& value) {
  if (value) return json.field(key, *value);
  json.null(key);
}

void writeList(JsonWriter& json, const char* key, const std::vector<std::string>& values) {
  json.beginArray(key);
  for (const std::string& value : values) json.field({}, value);
  json.endArray();
}

void writeText(JsonWriter& json, const char* key, const std::string& value) {
  if (!value.empty()) return json.field(key, value);
  json.null(key);
}

void writeFamily(JsonWriter& json, const NatFamilyReport& r) {
  json.field("udp", r.udp);
  json.field("type", toString(r.type));
  json.field("mapping", toString(r.mapping));
  json.field("filtering", toString(r.filtering));
  writeFlag(json, "hairpin", r.hairpin);
  json.field("portAllocation", toString(r.portAllocation));
  json.field("portStep", r.portStep);
  writeText(json, "publicAddress", r.publicAddress);
  writeText(json, "localAddress", r.localAddress);
  writeList(json, "publicAddresses", r.publicAddresses);
  json.field("firewall", r.firewall);
  writeFlag(json, "doubleNat", r.doubleNat);
  writeList(json, "uncertain", r.uncertain);
}

void writeFamilyAs(JsonWriter& json, const char* key, const std::optional<NatFamilyReport>& r) {
  if (!r) return json.null(key);
  json.beginObject(key);
  writeFamily(json, *r);
  json.endObject();
}

}  // namespace

std::string natReportJson(const NatReport& report, Language language) {
  JsonWriter json;
  writeFamily(json, report);
  writeFamilyAs(json, "ipv4", report.ipv4);
  writeFamilyAs(json, "ipv6", report.ipv6);
  json.beginArray("servers");
  for (const StunServerReport& server : report.servers) {
    json.beginObject();
    json.field("server", server.server);
    writeText(json, "address", server.address);
    json.field("answered", server.answered);
    json.field("refused", server.refused);
    if (server.answered) {
      json.field("rttMs", milliseconds(server.rtt));
    } else {
      json.null("rttMs");
    }
    json.field("behaviorDiscovery", server.behaviorDiscovery);
    json.endObject();
  }
  json.endArray();
  json.beginArray("relays");
  for (const RelayReport& relay : report.relays) {
    json.beginObject();
    json.field("url", relay.url);
    json.field("reachable", relay.reachable);
    if (relay.reachable) {
      json.field("latencyMs", milliseconds(relay.latency));
    } else {
      json.null("latencyMs");
    }
    json.endObject();
  }
  json.endArray();
  if (report.portMapping) {
    json.beginObject("portMapping");
    json.field("available", report.portMapping->available);
    writeList(json, "protocols", report.portMapping->protocols);
    writeText(json, "gateway", report.portMapping->gateway);
    writeText(json, "externalAddress", report.portMapping->externalAddress);
    json.endObject();
  } else {
    json.null("portMapping");
  }
  if (report.mappingLifetime) {
    json.beginObject("mappingLifetime");
    json.field("atLeastSeconds", static_cast<std::int64_t>(report.mappingLifetime->atLeast.count()));
    if (report.mappingLifetime->below.count() > 0) {
      json.field("belowSeconds", static_cast<std::int64_t>(report.mappingLifetime->below.count()));
    } else {
      json.null("belowSeconds");
    }
    json.endObject();
  } else {
    json.null("mappingLifetime");
  }
  json.field("direct", directOutlook(report, language));
  json.beginArray("words");
  for (const auto& [name, text] : natReportWords(report, language)) {
    json.beginObject();
    json.field("name", name);
    json.field("text", text);
    json.endObject();
  }
  json.endArray();
  json.field("timestampMs", static_cast<std::int64_t>(
                                std::chrono::duration_cast<std::chrono::milliseconds>(report.timestamp.time_since_epoch()).count()));
  json.field("durationMs", static_cast<std::int64_t>(report.duration.count()));
  return json.finish();
}

}  // namespace chuantou::daemon
