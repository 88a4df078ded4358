#include <rapidjson/document.h>

#include <algorithm>

#include "base/error_text.hpp"
#include "base/utf8.hpp"
#include "wire/control_message.hpp"

namespace chuantou::wire {

namespace {

constexpr std::size_t kMaxText = 1024;
constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxClients = 200'000;
constexpr int kMaxVersion = 1'000'000;

using Json = rapidjson::Value;

Error bad(std::string_view what) { return Error{Errc::protocol_error, "the other side", std::string{what}}; }

/// Counts nesting before RapidJSON recurses into it (an iterative parse would do too, but its destructor recurses).
bool tooDeep(std::string_view json) {
  int depth = 0;
  bool inString = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (inString) {
      if (c == '\\') ++i;
      if (c == '"') inString = false;
      continue;
    }
    if (c == '"') inString = true;
    if ((c == '{' || c == '[') && ++depth > kMaxDepth) return true;
    if (c == '}' || c == ']') --depth;
  }
  return false;
}

/// Reads fields; the first wrong one is remembered and the rest read as empty.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {}

  std::string text(const char* name, bool required = true) {
    const Json* v = find(name);
    if (!v) {
      if (required) fail(name);
      return {};
    }
    if (!v->IsString() || v->GetStringLength() > kMaxText) {
      fail(name);
      return {};
    }
    std::string out{v->GetString(), v->GetStringLength()};
    // RapidJSON checks bytes, but takes the escape of half a surrogate pair; passed on, it would break the receiver.
    if (!isUtf8(out)) fail(name);
    return out;
  }
  std::int64_t number(const char* name, std::int64_t low, std::int64_t high, bool required = true) {
    const Json* v = find(name);
    if (!v && !required) return low;
    if (v && v->IsInt64() && v->GetInt64() >= low && v->GetInt64() <= high) return v->GetInt64();
    // Clocks of other languages are doubles.
    if (v && v->IsDouble() && v->GetDouble() >= static_cast<double>(low) && v->GetDouble() <= 9e15 &&
        v->GetDouble() <= static_cast<double>(high)) {
      return static_cast<std::int64_t>(v->GetDouble());
    }
    fail(name);
    return low;
  }
  bool flag(const char* name) {
    const Json* v = find(name);
    if (!v) return false;
    if (!v->IsBool()) fail(name);
    return v->IsBool() && v->GetBool();
  }
  std::uint16_t port(const char* name, bool required = true) {
    return static_cast<std::uint16_t>(number(name, required ? 1 : 0, 65535, required));
  }
  /// 0 asks for a carrier that leads to no service (a ping).
  std::uint16_t portOrNone(const char* name) { return static_cast<std::uint16_t>(number(name, 0, 65535)); }
  std::string host(const char* name) {
    std::string out = text(name, false);
    if (out.size() > 255) fail(name);
    for (const char c : out) {
      if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) fail(name);
    }
    return out;
  }
  Transport transport() {
    const std::string name = text("protocol", false);
    if (name.empty() || name == "tcp") return Transport::tcp;
    if (name != "udp") fail("protocol");
    return Transport::udp;
  }
  std::optional<PublicKey> publicKey(const char* name) {
    if (!find(name)) return std::nullopt;
    auto key = PublicKey::parse(text(name));
    if (!key) fail(name);
    return key;
  }
  PeerKey peerKey() { return PeerKey{publicKey("peerKey"), flag("peerKeyTemporary")}; }
  /// The first of the versions that the other side speaks; 0: it does not say.
  int firstVersion(const char* name) {
    const Json* v = find(name);
    if (!v || !v->IsArray() || v->Empty() || !(*v)[0].IsInt()) return 0;
    return std::clamp((*v)[0].GetInt(), 0, kMaxVersion);
  }
  std::vector<DataKey> keys() {
    std::vector<DataKey> out;
    const Json* v = find("keys");
    if (!v || !v->IsArray() || v->Empty() || v->Size() > kMaxBatch) {
      fail("keys");
      return out;
    }
    for (const Json& item : v->GetArray()) {
      const auto key = item.IsString() ? DataKey::parse({item.GetString(), item.GetStringLength()}) : std::nullopt;
      if (!key) {
        fail("keys");
        return {};
      }
      out.push_back(*key);
    }
    return out;
  }
  std::vector<SessionRef> sessions() {
    std::vector<SessionRef> out;
    const Json* v = find("sessions");
    if (!v || !v->IsArray() || v->Size() > kMaxBatch) {
      fail("sessions");
      return out;
    }
    for (const Json& item : v->GetArray()) {
      if (!item.IsObject()) {
        fail("sessions");
        return {};
      }
      out.push_back(session(Fields{item}));
    }
    return out;
  }
  const Json* find(const char* name) const {
    const auto it = object_.FindMember(name);
    return it == object_.MemberEnd() ? nullptr : &it->value;
  }
  void fail(const char* name) {
    if (wrong_.empty()) wrong_ = name;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  SessionRef session(Fields item) {
    SessionRef ref;
    if (item.find("sessionId")) {
      ref.id = parseSessionId(item.text("sessionId"));
      if (!ref.id) fail("sessionId");
    }
    if (item.find("key")) {
      ref.key = DataKey::parse(item.text("key"));
      if (!ref.key) fail("key");
    }
    if (item.find("udpSession")) {
      ref.udp = UdpSession{static_cast<std::uint32_t>(item.number("udpSession", 0, 0xffffffffLL))};
    }
    if (!item.wrong().empty()) fail("sessions");
    return ref;
  }

  const Json& object_;
  std::string wrong_;
};

/// A document's envelope: the type and the payload (an empty object where there is none).
struct Opened {
  rapidjson::Document document;
  std::string type;
  const Json* payload = nullptr;
};

Result<Opened> open(std::string_view json, std::size_t limit) {
  if (json.size() > limit) return bad("a message is too long");
  if (json.find('\0') != std::string_view::npos) return bad("a message is not JSON");  // RapidJSON would stop there
  if (tooDeep(json)) return bad("a message is nested too deeply");
  Opened out;
  out.document.Parse<rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
  if (out.document.HasParseError()) return bad("a message is not JSON");
  if (!out.document.IsObject()) return bad("a message is not a JSON object");
  Fields fields{out.document};
  out.type = fields.text("type");
  if (!fields.wrong().empty() || out.type.empty()) return bad("a message has no type");
  static const Json kEmpty{rapidjson::kObjectType};
  const Json* payload = fields.find("payload");
  if (payload && !payload->IsObject()) return bad("the payload of " + out.type + " is not an object");
  out.payload = payload ? payload : &kEmpty;
  return out;
}

template <class Variant, class M>
Result<Variant> done(const std::string& type, const Fields& fields, M message) {
  if (!fields.wrong().empty()) return bad("the field " + fields.wrong() + " of " + type + " is missing or wrong");
  return Variant{std::move(message)};
}

AcceptSession accept(Fields& f) { return AcceptSession{f.sessions()}; }
RejectSession reject(Fields& f) {
  RejectSession m;
  m.sessions = f.sessions();
  m.code = fromWireName(f.text("code", false));
  m.reason = f.text("reason", false);
  return m;
}
SessionClosed closed(Fields& f) {
  SessionClosed m;
  m.sessions = f.sessions();
  m.reason = f.text("reason", false);
  return m;
}
Heartbeat heartbeat(Fields& f) {
  if (!f.find("timestamp")) return Heartbeat{};
  return Heartbeat{f.number("timestamp", INT64_MIN, INT64_MAX)};
}

}  // namespace

Result<MessageToServer> decodeToServer(std::string_view json) {
  auto opened = open(json, kMaxMessageToServer);
  if (!opened) return opened.error();
  const std::string& type = opened->type;
  Fields f{*opened->payload};
  using Out = MessageToServer;

  if (type == "register") {
    Register m;
    m.clientId = f.text("clientId", false);
    m.version = static_cast<int>(f.number("version", 0, kMaxVersion, false));
    if (!f.find("version")) m.version = 1;  // a client of the first design says none
    m.proof = f.text("proof", false);
    m.software = f.text("software", false);
    m.publicKey = f.publicKey("publicKey");
    m.temporaryKey = f.flag("temporaryKey");
    m.signature = f.text("signature", false);
    return done<Out>(type, f, std::move(m));
  }
  if (type == "unregister") return Out{Unregister{}};
  if (type == "get_client_list") return Out{GetClientList{}};
  if (type == "connect_request") {
    ConnectRequest m;
    m.toClientId = f.text("toClientId");
    m.remotePort = f.portOrNone("remotePort");
    m.remoteHost = f.host("remoteHost");
    m.localPort = f.port("localPort", false);
    m.transport = f.transport();
    m.plain = f.flag("plain");
    m.keys = f.keys();
    return done<Out>(type, f, std::move(m));
  }
  if (type == "accept_session") {
    auto m = accept(f);
    return done<Out>(type, f, std::move(m));
  }
  if (type == "reject_session") {
    auto m = reject(f);
    return done<Out>(type, f, std::move(m));
  }
  if (type == "session_closed") {
    auto m = closed(f);
    return done<Out>(type, f, std::move(m));
  }
  if (type == "heartbeat") {
    auto m = heartbeat(f);
    return done<Out>(type, f, m);
  }
  return Out{Unknown{type}};
}

Result<MessageToClient> decodeToClient(std::string_view json) {
  auto opened = open(json, kMaxMessageToClient);
  if (!opened) return opened.error();
  const std::string& type = opened->type;
  Fields f{*opened->payload};
  using Out = MessageToClient;

  if (type == "register_response") {
    RegisterResponse m;
    m.success = f.flag("success");
    m.assignedId = f.text("assignedId", m.success);
    m.existingKicked = f.flag("existingKicked");
    m.version = static_cast<int>(f.number("version", 0, kMaxVersion, false));
    m.heartbeatIntervalMs = f.number("heartbeatInterval", 0, 86'400'000, false);
    m.heartbeatTimeoutMs = f.number("heartbeatTimeout", 0, 86'400'000, false);
    if (!m.success) {
      m.code = fromWireName(f.text("code", false));
      m.version = f.firstVersion("supportedVersions");
    }
    m.error = f.text("error", false);
    m.challenge = f.text("challenge", false);
    return done<Out>(type, f, std::move(m));
  }
  if (type == "client_list") {
    ClientList m;
    const Json* list = f.find("clients");
    if (!list || !list->IsArray() || list->Size() > kMaxClients) return bad("the field clients of client_list is wrong");
    for (const Json& item : list->GetArray()) {
      if (!item.IsObject()) return bad("the field clients of client_list is wrong");
      Fields one{item};
      ClientInfo info{one.text("id"), one.number("registeredAt", 0, INT64_MAX, false), one.publicKey("publicKey")};
      if (!one.wrong().empty()) f.fail("clients");
      m.clients.push_back(std::move(info));
    }
    return done<Out>(type, f, std::move(m));
  }
  if (type == "connect_request") {
    IncomingRequest m;
    m.fromClientId = f.text("fromClientId");
    m.remotePort = f.portOrNone("remotePort");
    m.remoteHost = f.host("remoteHost");
    m.transport = f.transport();
    m.plain = f.flag("plain");
    m.sameGroup = f.flag("sameGroup");
    m.fromKey = f.peerKey();
    m.sessions = f.sessions();
    return done<Out>(type, f, std::move(m));
  }
  if (type == "create_session") {
    CreateSession m;
    m.peerClientId = f.text("peerClientId");
    m.remotePort = f.port("remotePort", false);
    m.peerKey = f.peerKey();
    m.sessions = f.sessions();
    if (const Json* relay = f.find("relayAddr"); relay && relay->IsObject()) {
      Fields r{*relay};
      m.relayPort = r.port("port", false);
      m.transport = r.transport();
      if (!r.wrong().empty()) f.fail("relayAddr");
    }
    return done<Out>(type, f, std::move(m));
  }
  if (type == "accept_session") {
    auto m = accept(f);
    return done<Out>(type, f, std::move(m));
  }
  if (type == "reject_session") {
    auto m = reject(f);
    return done<Out>(type, f, std::move(m));
  }
  if (type == "session_closed") {
    auto m = closed(f);
    return done<Out>(type, f, std::move(m));
  }
  if (type == "heartbeat") {
    auto m = heartbeat(f);
    return done<Out>(type, f, m);
  }
  if (type == "error") {
    ErrorMessage m{fromWireName(f.text("code", false)), f.text("message", false)};
    return done<Out>(type, f, std::move(m));
  }
  return Out{Unknown{type}};
}

}  // namespace chuantou::wire
