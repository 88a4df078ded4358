#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/error_text.hpp"
#include "base/utf8.hpp"
#include "wire/control_message.hpp"

namespace chuantou::wire {

namespace {

/// Writes {"type": T, "payload": {…}}.
class Envelope {
 public:
  explicit Envelope(std::string_view type) : writer_(buffer_) {
    writer_.StartObject();
    text("type", type);
    key("payload");
    writer_.StartObject();
  }

  std::string finish() {
    writer_.EndObject();
    writer_.EndObject();
    return std::string{buffer_.GetString(), buffer_.GetSize()};
  }

  void text(std::string_view name, std::string_view value) {
    key(name);
    string(value);
  }
  /// Only if there is something to say.
  void optionalText(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void number(std::string_view name, std::int64_t value) {
    key(name);
    writer_.Int64(value);
  }
  void flag(std::string_view name, bool value) {
    key(name);
    writer_.Bool(value);
  }
  void sessions(const std::vector<SessionRef>& refs) {
    key("sessions");
    writer_.StartArray();
    for (const SessionRef& ref : refs) {
      writer_.StartObject();
      if (ref.id) text("sessionId", toString(*ref.id));
      if (ref.key) text("key", ref.key->hex());
      if (ref.udp) number("udpSession", static_cast<std::uint32_t>(*ref.udp));
      writer_.EndObject();
    }
    writer_.EndArray();
  }
  void peerKey(const PeerKey& peer) {
    if (peer.key) text("peerKey", peer.key->str());
    if (peer.temporary) flag("peerKeyTemporary", true);
  }
  void transport(Transport value) { text("protocol", value == Transport::tcp ? "tcp" : "udp"); }

  void key(std::string_view name) { writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size())); }
  /// Reasons are the words of other programs; a WebSocket text must be UTF-8 (RFC 6455, section 8.1), or it ends there.
  void string(std::string_view value) {
    if (!isUtf8(value)) return string(toUtf8(value));
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  }
  rapidjson::Writer<rapidjson::StringBuffer>& raw() { return writer_; }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

std::string_view cut(std::string_view text) { return cutUtf8(text, kMaxReason); }

std::string write(const Register& m) {
  Envelope out{"register"};
  out.text("clientId", m.clientId);
  out.number("version", m.version);
  out.optionalText("proof", m.proof);
  out.optionalText("software", m.software);
  if (m.publicKey) out.text("publicKey", m.publicKey->str());
  if (m.temporaryKey) out.flag("temporaryKey", true);
  out.optionalText("signature", m.signature);
  return out.finish();
}

std::string write(const RegisterResponse& m) {
  Envelope out{"register_response"};
  out.flag("success", m.success);
  if (m.success) {
    out.text("assignedId", m.assignedId);
    out.flag("existingKicked", m.existingKicked);
    out.number("version", m.version);
    out.number("heartbeatInterval", m.heartbeatIntervalMs);
    out.number("heartbeatTimeout", m.heartbeatTimeoutMs);
    return out.finish();
  }
  out.text("code", wireName(m.code));
  out.text("error", cut(m.error));
  out.optionalText("challenge", m.challenge);
  if (m.code == Errc::version_mismatch) {
    out.key("supportedVersions");
    out.raw().StartArray();
    out.raw().Int(m.version);
    out.raw().EndArray();
  }
  return out.finish();
}

std::string write(const Unregister&) { return Envelope{"unregister"}.finish(); }
std::string write(const GetClientList&) { return Envelope{"get_client_list"}.finish(); }

std::string write(const ClientList& m) {
  Envelope out{"client_list"};
  out.key("clients");
  out.raw().StartArray();
  for (const ClientInfo& client : m.clients) {
    out.raw().StartObject();
    out.text("id", client.id);
    out.number("registeredAt", client.registeredAtMs);
    if (client.key) out.text("publicKey", client.key->str());
    out.raw().EndObject();
  }
  out.raw().EndArray();
  return out.finish();
}

std::string write(const ConnectRequest& m) {
  Envelope out{"connect_request"};
  out.text("toClientId", m.toClientId);
  out.number("remotePort", m.remotePort);
  out.optionalText("remoteHost", m.remoteHost);
  out.number("localPort", m.localPort);
  out.transport(m.transport);
  if (m.plain) out.flag("plain", true);
  out.key("keys");
  out.raw().StartArray();
  for (const DataKey& key : m.keys) out.string(key.hex());
  out.raw().EndArray();
  return out.finish();
}

std::string write(const IncomingRequest& m) {
  Envelope out{"connect_request"};
  out.text("fromClientId", m.fromClientId);
  out.number("remotePort", m.remotePort);
  out.optionalText("remoteHost", m.remoteHost);
  out.transport(m.transport);
  if (m.plain) out.flag("plain", true);
  if (m.sameGroup) out.flag("sameGroup", true);
  out.peerKey(m.fromKey);
  out.sessions(m.sessions);
  return out.finish();
}

std::string write(const CreateSession& m) {
  Envelope out{"create_session"};
  out.text("peerClientId", m.peerClientId);
  out.number("remotePort", m.remotePort);
  out.key("relayAddr");
  out.raw().StartObject();
  out.number("port", m.relayPort);
  out.transport(m.transport);
  out.raw().EndObject();
  out.peerKey(m.peerKey);
  out.sessions(m.sessions);
  return out.finish();
}

std::string write(const AcceptSession& m) {
  Envelope out{"accept_session"};
  out.sessions(m.sessions);
  return out.finish();
}

std::string write(const RejectSession& m) {
  Envelope out{"reject_session"};
  out.sessions(m.sessions);
  out.text("code", wireName(m.code));
  out.text("reason", cut(m.reason));
  return out.finish();
}

std::string write(const SessionClosed& m) {
  Envelope out{"session_closed"};
  out.sessions(m.sessions);
  out.text("reason", cut(m.reason));
  return out.finish();
}

std::string write(const Heartbeat& m) {
  Envelope out{"heartbeat"};
  out.number("timestamp", m.timestamp);
  return out.finish();
}

std::string write(const ErrorMessage& m) {
  Envelope out{"error"};
  out.text("code", wireName(m.code));
  out.text("message", cut(m.message));
  return out.finish();
}

std::string write(const Unknown& m) { return Envelope{m.type}.finish(); }

}  // namespace

std::string encode(const MessageToServer& message) {
  return std::visit([](const auto& m) { return write(m); }, message);
}
std::string encode(const MessageToClient& message) {
  return std::visit([](const auto& m) { return write(m); }, message);
}

}  // namespace chuantou::wire
