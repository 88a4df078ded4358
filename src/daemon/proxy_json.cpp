#include "daemon/proxy_json.hpp"

#include "daemon/api_error.hpp"
#include "daemon/phrases.hpp"
#include "daemon/proxy_text.hpp"

namespace chuantou::daemon {

namespace {

constexpr std::size_t kMaxHost = 255;
constexpr std::uint64_t kMinUdpIdleMs = 1000;
constexpr std::uint64_t kMaxUdpIdleMs = 24 * 3600 * 1000;
constexpr std::uint64_t kMaxPatienceMs = 18 * 3600 * 1000;

[[noreturn]] void bad(Language language, const Phrase& phrase, std::string_view value) {
  throw ApiError{400, "bad_request", say(language, phrase, value)};
}

bool isPlainHost(std::string_view host) {
  for (const char c : host) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= ' ' || u == 0x7f || c == '/' || c == '@' || c == '[' || c == ']') return false;
  }
  return true;
}

std::string readHost(const JsonObject& object, const char* key, Language language) {
  std::string host = object.text(key, kMaxHost).value_or("");
  if (!isPlainHost(host)) bad(language, kBadHost, host);
  return host;
}

}  // namespace

void writeProxyOptions(JsonWriter& json, const ProxyOptions& options) {
  json.field("localPort", options.localPort);
  if (!options.localHost.empty()) json.field("localHost", options.localHost);
  json.field("targetClientId", options.targetClientId);
  json.field("targetPort", options.targetPort);
  if (!options.targetHost.empty()) json.field("targetHost", options.targetHost);
  json.field("protocol", protocolName(options.protocol));
  json.field("encryption", encryptionName(options.encryption));
  if (!options.name.empty()) json.field("name", options.name);
  json.field("udpIdleTimeoutMs", static_cast<std::int64_t>(options.udpIdleTimeout.count()));
  if (options.patience) json.field("patienceMs", static_cast<std::int64_t>(options.patience->count()));
}

ProxyOptions readProxyOptions(const JsonObject& object, Language language, std::chrono::milliseconds udpIdleTimeout) {
  object.onlyFields({"localPort", "localHost", "targetClientId", "targetPort", "targetHost", "protocol", "encryption",
                     "name", "udpIdleTimeoutMs", "patienceMs"});
  ProxyOptions options;
  options.localPort = static_cast<std::uint16_t>(object.requiredNumber("localPort", 0, 65535));
  options.localHost = readHost(object, "localHost", language);
  options.targetClientId = object.requiredText("targetClientId", 64);
  if (!isClientId(options.targetClientId)) bad(language, kBadPeer, options.targetClientId);
  options.targetPort = static_cast<std::uint16_t>(object.requiredNumber("targetPort", 1, 65535));
  options.targetHost = readHost(object, "targetHost", language);
  const std::string protocol = object.text("protocol", 8).value_or("both");
  if (!parseProtocol(protocol, options.protocol)) bad(language, kBadProtocol, protocol);
  const std::string encryption = object.text("encryption", 16).value_or("end-to-end");
  if (!parseEncryption(encryption, options.encryption)) bad(language, kBadEncryption, encryption);
  options.name = object.text("name", 64).value_or("");
  if (!options.name.empty() && !isProxyName(options.name)) bad(language, kBadName, options.name);
  options.udpIdleTimeout = udpIdleTimeout;
  if (const auto idle = object.number("udpIdleTimeoutMs", kMinUdpIdleMs, kMaxUdpIdleMs)) {
    options.udpIdleTimeout = std::chrono::milliseconds{static_cast<std::int64_t>(*idle)};
  }
  if (const auto patience = object.number("patienceMs", 0, kMaxPatienceMs)) {
    options.patience = std::chrono::milliseconds{static_cast<std::int64_t>(*patience)};
  }
  return options;
}

}  // namespace chuantou::daemon
