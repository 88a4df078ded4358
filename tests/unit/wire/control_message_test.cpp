// The control messages as texts, byte for byte as docs/PROTOCOL.md shows them, and back.
#include "wire/control_message.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;
using namespace chuantou::wire;

namespace {

const char* const kHexA = "00112233445566778899aabbccddeeff";
const char* const kHexB = "ffeeddccbbaa99887766554433221100";
const DataKey kKeyA = *DataKey::parse(kHexA);
const DataKey kKeyB = *DataKey::parse(kHexB);
const PublicKey kPublic = *PublicKey::parse("ed25519:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");

SessionRef byId(std::uint64_t id) { return SessionRef{SessionId{id}, {}, {}}; }

struct ToServerRow {
  MessageToServer message;
  const char* json;
};

const ToServerRow kToServer[] = {
    {Register{"B", 1, "", ""}, R"({"type":"register","payload":{"clientId":"B","version":1}})"},
    {Register{"", 1, "", ""}, R"({"type":"register","payload":{"clientId":"","version":1}})"},
    {Register{"B", 1, "ab12", "chuantou 0.1.0"},
     R"({"type":"register","payload":{"clientId":"B","version":1,"proof":"ab12","software":"chuantou 0.1.0"}})"},
    {Register{"B", 1, "", "", kPublic},
     R"({"type":"register","payload":{"clientId":"B","version":1,"publicKey":"ed25519:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}})"},
    {Register{"B", 1, "ab12", "", kPublic, true, "5160"},
     R"({"type":"register","payload":{"clientId":"B","version":1,"proof":"ab12","publicKey":"ed25519:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","temporaryKey":true,"signature":"5160"}})"},
    {Unregister{}, R"({"type":"unregister","payload":{}})"},
    {GetClientList{}, R"({"type":"get_client_list","payload":{}})"},
    {ConnectRequest{"B", 3000, "", 8000, Transport::tcp, {kKeyA}},
     R"({"type":"connect_request","payload":{"toClientId":"B","remotePort":3000,"localPort":8000,"protocol":"tcp","keys":["00112233445566778899aabbccddeeff"]}})"},
    {ConnectRequest{"B", 53, "dns.local", 0, Transport::udp, {kKeyA, kKeyB}},
     R"({"type":"connect_request","payload":{"toClientId":"B","remotePort":53,"remoteHost":"dns.local","localPort":0,"protocol":"udp","keys":["00112233445566778899aabbccddeeff","ffeeddccbbaa99887766554433221100"]}})"},
    {ConnectRequest{"B", 1, "", 0, Transport::tcp, {kKeyA}, true},
     R"({"type":"connect_request","payload":{"toClientId":"B","remotePort":1,"localPort":0,"protocol":"tcp","plain":true,"keys":["00112233445566778899aabbccddeeff"]}})"},
    {AcceptSession{{byId(0x2f), byId(1)}},
     R"({"type":"accept_session","payload":{"sessions":[{"sessionId":"s-2f"},{"sessionId":"s-1"}]}})"},
    {RejectSession{{byId(2)}, Errc::target_refused, "nothing listens"},
     R"({"type":"reject_session","payload":{"sessions":[{"sessionId":"s-2"}],"code":"target_refused","reason":"nothing listens"}})"},
    {SessionClosed{{byId(3)}, "idle"},
     R"({"type":"session_closed","payload":{"sessions":[{"sessionId":"s-3"}],"reason":"idle"}})"},
    {Heartbeat{1700000000000}, R"({"type":"heartbeat","payload":{"timestamp":1700000000000}})"},
    {Heartbeat{-1}, R"({"type":"heartbeat","payload":{"timestamp":-1}})"},
    {Unknown{"fly"}, R"({"type":"fly","payload":{}})"},
};

struct ToClientRow {
  MessageToClient message;
  const char* json;
};

RegisterResponse accepted() {
  RegisterResponse m;
  m.success = true;
  m.assignedId = "B";
  m.existingKicked = true;
  m.version = 1;
  m.heartbeatIntervalMs = 20'000;
  m.heartbeatTimeoutMs = 60'000;
  return m;
}
RegisterResponse refused(Errc code, const char* error, const char* challenge, int version) {
  RegisterResponse m;
  m.code = code;
  m.error = error;
  m.challenge = challenge;
  m.version = version;
  return m;
}

const ToClientRow kToClient[] = {
    {accepted(),
     R"({"type":"register_response","payload":{"success":true,"assignedId":"B","existingKicked":true,"version":1,"heartbeatInterval":20000,"heartbeatTimeout":60000}})"},
    {refused(Errc::auth_required, "a token", "c0ffee", 1),
     R"({"type":"register_response","payload":{"success":false,"code":"auth_required","error":"a token","challenge":"c0ffee"}})"},
    {refused(Errc::version_mismatch, "too new", "", 1),
     R"({"type":"register_response","payload":{"success":false,"code":"version_mismatch","error":"too new","supportedVersions":[1]}})"},
    {ClientList{}, R"({"type":"client_list","payload":{"clients":[]}})"},
    {ClientList{{{"A", 1}, {"B", 1700000000000}}},
     R"({"type":"client_list","payload":{"clients":[{"id":"A","registeredAt":1},{"id":"B","registeredAt":1700000000000}]}})"},
    {IncomingRequest{"A", 3000, "", Transport::tcp, {SessionRef{SessionId{0x2f}, kKeyB, {}}}},
     R"({"type":"connect_request","payload":{"fromClientId":"A","remotePort":3000,"protocol":"tcp","sessions":[{"sessionId":"s-2f","key":"ffeeddccbbaa99887766554433221100"}]}})"},
    {refused(Errc::identity_required, "a key", "c0ffee", 1),
     R"({"type":"register_response","payload":{"success":false,"code":"identity_required","error":"a key","challenge":"c0ffee"}})"},
    {refused(Errc::name_taken, "not yours", "", 1),
     R"({"type":"register_response","payload":{"success":false,"code":"name_taken","error":"not yours"}})"},
    {ClientList{{{"A", 1, kPublic}}},
     R"({"type":"client_list","payload":{"clients":[{"id":"A","registeredAt":1,"publicKey":"ed25519:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}]}})"},
    {IncomingRequest{"A", 1, "", Transport::tcp, {SessionRef{SessionId{1}, kKeyB, {}}}, true, {kPublic, true}, true},
     R"({"type":"connect_request","payload":{"fromClientId":"A","remotePort":1,"protocol":"tcp","plain":true,"sameGroup":true,"peerKey":"ed25519:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","peerKeyTemporary":true,"sessions":[{"sessionId":"s-1","key":"ffeeddccbbaa99887766554433221100"}]}})"},
    {CreateSession{"B", 1, 8200, Transport::tcp, {SessionRef{SessionId{1}, kKeyA, {}}}, {kPublic, false}},
     R"({"type":"create_session","payload":{"peerClientId":"B","remotePort":1,"relayAddr":{"port":8200,"protocol":"tcp"},"peerKey":"ed25519:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","sessions":[{"sessionId":"s-1","key":"00112233445566778899aabbccddeeff"}]}})"},
    {IncomingRequest{"A", 53, "dns", Transport::udp, {SessionRef{SessionId{1}, kKeyB, UdpSession{0x80000003}}}},
     R"({"type":"connect_request","payload":{"fromClientId":"A","remotePort":53,"remoteHost":"dns","protocol":"udp","sessions":[{"sessionId":"s-1","key":"ffeeddccbbaa99887766554433221100","udpSession":2147483651}]}})"},
    {CreateSession{"B", 3000, 8200, Transport::udp, {SessionRef{SessionId{1}, kKeyA, UdpSession{0x80000002}}}},
     R"({"type":"create_session","payload":{"peerClientId":"B","remotePort":3000,"relayAddr":{"port":8200,"protocol":"udp"},"sessions":[{"sessionId":"s-1","key":"00112233445566778899aabbccddeeff","udpSession":2147483650}]}})"},
    {AcceptSession{{byId(1)}}, R"({"type":"accept_session","payload":{"sessions":[{"sessionId":"s-1"}]}})"},
    {RejectSession{{SessionRef{{}, kKeyA, {}}}, Errc::peer_offline, ""},
     R"({"type":"reject_session","payload":{"sessions":[{"key":"00112233445566778899aabbccddeeff"}],"code":"peer_offline","reason":""}})"},
    {SessionClosed{{byId(1)}, "the peer has left"},
     R"({"type":"session_closed","payload":{"sessions":[{"sessionId":"s-1"}],"reason":"the peer has left"}})"},
    {Heartbeat{0}, R"({"type":"heartbeat","payload":{"timestamp":0}})"},
    {ErrorMessage{Errc::kicked, "someone else"},
     R"({"type":"error","payload":{"code":"kicked","message":"someone else"}})"},
    {Unknown{"fly"}, R"({"type":"fly","payload":{}})"},
};

}  // namespace

TEST_CASE("messages to the server are written exactly so, and read back", "[wire][control]") {
  for (const ToServerRow& row : kToServer) {
    INFO(row.json);
    CHECK(encode(row.message) == row.json);
    const auto decoded = decodeToServer(row.json);
    REQUIRE(decoded.ok());
    CHECK(decoded.value().index() == row.message.index());
    CHECK(encode(decoded.value()) == row.json);
  }
}

TEST_CASE("messages to a client are written exactly so, and read back", "[wire][control]") {
  for (const ToClientRow& row : kToClient) {
    INFO(row.json);
    CHECK(encode(row.message) == row.json);
    const auto decoded = decodeToClient(row.json);
    REQUIRE(decoded.ok());
    CHECK(decoded.value().index() == row.message.index());
    CHECK(encode(decoded.value()) == row.json);
  }
}

TEST_CASE("the versions that a server speaks, whatever it says", "[wire][control]") {
  struct Row {
    const char* said;
    int version;
  };
  const Row rows[] = {{R"("supportedVersions":[2,1])", 2},  {R"("supportedVersions":[])", 0},    {R"("supportedVersions":["2"])", 0},
                      {R"("supportedVersions":2)", 0},      {R"("supportedVersions":[-1])", 0},  {R"("supportedVersions":[2147483647])", 1'000'000},
                      {R"("supportedVersions":[1e99])", 0}, {R"("version":3)", 0}};
  for (const Row& row : rows) {
    INFO(row.said);
    const auto decoded = decodeToClient(std::string{R"({"type":"register_response","payload":{"success":false,"code":"version_mismatch",)"} + row.said + "}}");
    REQUIRE(decoded.ok());
    CHECK(std::get<RegisterResponse>(decoded.value()).version == row.version);
    const auto again = decodeToClient(encode(decoded.value()));
    REQUIRE(again.ok());
    CHECK(std::get<RegisterResponse>(again.value()).version == row.version);
  }
}

TEST_CASE("the tables above have every type of each direction", "[wire][control]") {
  std::vector<bool> toServer(std::variant_size_v<MessageToServer>);
  for (const ToServerRow& row : kToServer) toServer[row.message.index()] = true;
  CHECK(toServer == std::vector<bool>(toServer.size(), true));
  std::vector<bool> toClient(std::variant_size_v<MessageToClient>);
  for (const ToClientRow& row : kToClient) toClient[row.message.index()] = true;
  CHECK(toClient == std::vector<bool>(toClient.size(), true));
}

TEST_CASE("every field of a connect_request arrives", "[wire][control]") {
  const auto decoded = decodeToServer(
      R"( {"payload": {"keys": ["00112233445566778899AABBCCDDEEFF"], "protocol": "udp", "localPort": 1, "remoteHost": "h",
          "remotePort": 65535, "toClientId": "B", "later": {"x": [1, 2]}}, "type": "connect_request", "id": 7} )");
  REQUIRE(decoded.ok());
  const auto& m = std::get<ConnectRequest>(decoded.value());
  CHECK(m.toClientId == "B");
  CHECK(m.remotePort == 65535);
  CHECK(m.remoteHost == "h");
  CHECK(m.localPort == 1);
  CHECK(m.transport == Transport::udp);
  CHECK(m.keys == std::vector<DataKey>{kKeyA});
}

TEST_CASE("what may be absent has its default", "[wire][control]") {
  const auto registered = decodeToServer(R"({"type":"register"})");
  REQUIRE(registered.ok());
  CHECK(std::get<Register>(registered.value()).clientId.empty());
  CHECK(std::get<Register>(registered.value()).version == 1);

  const auto request = decodeToServer(
      R"({"type":"connect_request","payload":{"toClientId":"B","remotePort":1,"keys":["00112233445566778899aabbccddeeff"]}})");
  REQUIRE(request.ok());
  CHECK(std::get<ConnectRequest>(request.value()).transport == Transport::tcp);
  CHECK(std::get<ConnectRequest>(request.value()).localPort == 0);
  CHECK(std::get<ConnectRequest>(request.value()).remoteHost.empty());

  const auto heartbeat = decodeToServer(R"({"type":"heartbeat"})");
  REQUIRE(heartbeat.ok());
  CHECK(std::get<Heartbeat>(heartbeat.value()).timestamp == 0);

  const auto error = decodeToClient(R"({"type":"error","payload":{"code":"of a later version"}})");
  REQUIRE(error.ok());
  CHECK(std::get<ErrorMessage>(error.value()).code == Errc::protocol_error);
  CHECK(std::get<ErrorMessage>(error.value()).message.empty());
}

TEST_CASE("keys and what goes with them arrive, and are absent where they were", "[wire][control]") {
  const std::string key = R"("publicKey":"ed25519:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")";
  const auto decode = [](const std::string& fields) {
    return decodeToServer(R"({"type":"register","payload":{)" + fields + "}}");
  };
  const auto full = decode(key + R"(,"temporaryKey":true,"signature":"ab")");
  REQUIRE(full.ok());
  const auto& m = std::get<Register>(full.value());
  CHECK(m.publicKey == kPublic);
  CHECK(m.temporaryKey);
  CHECK(m.signature == "ab");
  const auto none = decode("");
  CHECK_FALSE(std::get<Register>(none.value()).publicKey);
  CHECK_FALSE(std::get<Register>(none.value()).temporaryKey);
  for (const char* wrong :
       {R"("publicKey":"")", R"("publicKey":7)", R"("publicKey":"ed25519:00")", R"("publicKey":"rsa:0001")",
        R"("temporaryKey":"yes")", R"("temporaryKey":1)", R"("signature":7)"}) {
    CAPTURE(wrong);
    CHECK_FALSE(decode(wrong).ok());
  }
  const auto incoming =
      decodeToClient(R"({"type":"connect_request","payload":{"fromClientId":"A","remotePort":1,"sessions":[]}})");
  REQUIRE(incoming.ok());
  const auto& request = std::get<IncomingRequest>(incoming.value());
  CHECK_FALSE(request.fromKey.key);
  CHECK_FALSE(request.fromKey.temporary);
  CHECK_FALSE(request.sameGroup);
  CHECK_FALSE(request.plain);
}

TEST_CASE("long reasons are cut between characters", "[wire][control]") {
  struct Row {
    std::string reason;
    std::size_t kept;
  };
  const Row rows[] = {
      {std::string(256, 'a'), 256},       {std::string(257, 'a'), 256},        {std::string(255, 'a') + "é", 255},
      {std::string(254, 'a') + "é", 256}, {std::string(254, 'a') + "界", 254}, {std::string(253, 'a') + "😀", 253},
      {std::string(1024, 'a'), 256},
  };
  for (const Row& row : rows) {
    const auto decoded = decodeToClient(encode(MessageToClient{ErrorMessage{Errc::kicked, row.reason}}));
    REQUIRE(decoded.ok());
    CHECK(std::get<ErrorMessage>(decoded.value()).message == row.reason.substr(0, row.kept));
  }
}

TEST_CASE("a text that is not UTF-8 never makes a message that is not", "[wire][control]") {
  // The system's own words, or a peer's, come in any encoding; a WebSocket text must be UTF-8 (RFC 6455, section 8.1).
  for (const std::string hostile :
       {"\xff", "caf\xe9", "\xc3", "\xe5\xae", "\xed\xa0\x80", "ok \xf0\x9f\x98", "\x80\x80\x80"}) {
    INFO(hostile);
    const auto decoded = decodeToClient(encode(MessageToClient{SessionClosed{{byId(1)}, hostile}}));
    REQUIRE(decoded.ok());
    CHECK(std::get<SessionClosed>(decoded.value()).sessions.size() == 1);
  }
}

TEST_CASE("quotes, controls and every Unicode plane survive the way there", "[wire][control]") {
  const std::string text = "\"\\/\b\f\n\r\t\x01\x7f 客户端 é 😀 </script>";
  const auto decoded = decodeToServer(encode(MessageToServer{SessionClosed{{byId(1)}, text}}));
  REQUIRE(decoded.ok());
  CHECK(std::get<SessionClosed>(decoded.value()).reason == text);
}
