// Texts that nobody should send.
#include <catch2/catch.hpp>

#include "wire/control_message.hpp"

using namespace chuantou;
using namespace chuantou::wire;

namespace {

const char* const kGood = nullptr;

struct Row {
  std::string json;
  const char* wrong;  ///< a part of the error; null: taken
};

template <class Decode>
void check(const std::vector<Row>& rows, Decode decode) {
  for (const Row& row : rows) {
    INFO(row.json.substr(0, 200));
    const auto decoded = decode(row.json);
    if (row.wrong == kGood) {
      if (!decoded.ok()) FAIL_CHECK(decoded.error().what());
      continue;
    }
    CHECK_FALSE(decoded.ok());
    if (decoded.ok()) continue;
    CHECK(decoded.error().errc() == Errc::protocol_error);
    CHECK_THAT(decoded.error().detail(), Catch::Contains(row.wrong));
    CHECK(decoded.error().detail().size() < 2000);
  }
}
void checkToServer(const std::vector<Row>& rows) { check(rows, decodeToServer); }
void checkToClient(const std::vector<Row>& rows) { check(rows, decodeToClient); }

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string connect(std::string_view fields) {
  return R"({"type":"connect_request","payload":{"toClientId":"B",)" + std::string{fields} + "}}";
}
std::string port(std::string_view value) {
  return connect(R"("keys":["00112233445566778899aabbccddeeff"],"remotePort":)" + std::string{value});
}
std::string keys(std::string_view value) { return connect(R"("remotePort":1,"keys":)" + std::string{value}); }
std::string host(std::string_view value) {
  return connect(R"("remotePort":1,"keys":["00112233445566778899aabbccddeeff"],"remoteHost":)" + std::string{value});
}
std::string sessions(std::string_view value) {
  return R"({"type":"session_closed","payload":{"sessions":)" + std::string{value} + "}}";
}
std::string keyList(std::size_t count) {
  return "[" + repeat(R"("00112233445566778899aabbccddeeff",)", count - 1) + R"("00112233445566778899aabbccddeeff"])";
}
std::string padded(std::size_t size) {
  std::string out = R"({"type":"heartbeat"})";
  out.insert(1, std::string(size - out.size(), ' '));
  return out;
}
/// A message whose payload has arrays so that it is nested `depth` deep.
std::string nested(std::size_t depth) {
  return R"({"type":"heartbeat","payload":{"x":)" + repeat("[", depth - 2) + repeat("]", depth - 2) + "}}";
}

}  // namespace

TEST_CASE("what is not JSON", "[wire][control][hostile]") {
  std::vector<Row> rows;
  for (const char* text : {"",
                           " ",
                           "\n",
                           "{",
                           "}",
                           "[",
                           "]",
                           "{\"type\"",
                           "{\"type\":",
                           "{\"type\":\"heartbeat\"",
                           "{\"type\":\"heartbeat\"}}",
                           "{\"type\":\"heartbeat\"} x",
                           "{\"type\":\"heartbeat\",}",
                           "{'type':'heartbeat'}",
                           "{type:\"heartbeat\"}",
                           "{\"type\":\"heartbeat\"/**/}",
                           "// x\n{\"type\":\"heartbeat\"}",
                           "{\"type\":\"heart\nbeat\"}",
                           "nul",
                           "tru",
                           "-",
                           "{\"type\":\"a\\x\"}",
                           "{\"type\":\"\\u12\"}",
                           "{\"type\":\"heartbeat\",\"payload\":{\"timestamp\":NaN}}",
                           "{\"type\":\"heartbeat\",\"payload\":{\"timestamp\":Infinity}}",
                           "{\"type\":\"heartbeat\",\"payload\":{\"timestamp\":-Infinity}}",
                           "{\"type\":\"heartbeat\",\"payload\":{\"timestamp\":1e999}}",
                           "{\"type\":\"heartbeat\",\"payload\":{\"timestamp\":01}}",
                           "{\"type\":\"heartbeat\",\"payload\":{\"timestamp\":0x1}}",
                           "{\"type\":\"heartbeat\",\"payload\":{\"timestamp\":+1}}",
                           "{\"type\":\"heartbeat\",\"payload\":{\"timestamp\":.5}}",
                           "{\"type\":\"heartbeat\",\"payload\":{\"timestamp\":1.}}"}) {
    rows.push_back({text, "not JSON"});
  }
  rows.push_back({std::string{"{\"type\":\"heartbeat\"}\0", 21}, "not JSON"});
  rows.push_back({std::string{"{\"type\":\"heartbeat\"}\0garbage", 28}, "not JSON"});
  rows.push_back({std::string{"{\"type\":\"heart\0beat\"}", 21}, "not JSON"});
  rows.push_back({std::string{"\0", 1}, "not JSON"});
  rows.push_back({std::string(1000, '\0'), "not JSON"});
  rows.push_back({std::string(1000, '\xff'), "not JSON"});
  checkToServer(rows);
  checkToClient(rows);
}

TEST_CASE("texts that are not UTF-8", "[wire][control][hostile]") {
  std::vector<Row> rows;
  for (const char* bytes : {"\xff", "\xfe", "\x80", "\xbf", "\xc0\xaf", "\xc1\x81", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",
                            "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xc3",
                            "\xe5\xae", "\xf0\x9f\x98", "\\ud800", "\\ud800x", "\\ud800\\u0041"}) {
    rows.push_back({R"({"type":"register","payload":{"software":")" + std::string{bytes} + "\"}}", "not JSON"});
    rows.push_back({"{\"type\":\"" + std::string{bytes} + "\"}", "not JSON"});
    rows.push_back({"{\"type\":\"x\",\"" + std::string{bytes} + "\":1}", "not JSON"});
  }
  // Half a surrogate pair: each byte is ASCII, but the text would not be UTF-8 any more when it is passed on.
  rows.push_back({R"({"type":"session_closed","payload":{"sessions":[],"reason":"\udc00"}})", "reason"});
  rows.push_back({R"({"type":"session_closed","payload":{"sessions":[],"reason":"\ude00\ud83d"}})", "JSON"});
  rows.push_back({R"({"type":"\udc00"})", "no type"});
  rows.push_back({R"({"type":"register","payload":{"software":"\ud83d\ude00 é 界"}})", kGood});
  checkToServer(rows);
}

TEST_CASE("JSON that is no message", "[wire][control][hostile]") {
  const std::vector<Row> rows = {
      {"null", "not a JSON object"},
      {"1", "not a JSON object"},
      {"\"heartbeat\"", "not a JSON object"},
      {"[]", "not a JSON object"},
      {R"([{"type":"heartbeat"}])", "not a JSON object"},
      {"{}", "no type"},
      {R"({"payload":{}})", "no type"},
      {R"({"type":null})", "no type"},
      {R"({"type":1})", "no type"},
      {R"({"type":["heartbeat"]})", "no type"},
      {R"({"type":""})", "no type"},
      {R"({"Type":"heartbeat"})", "no type"},
      {R"({"type":")" + std::string(1025, 'x') + "\"}", "no type"},
      {R"({"type":"heartbeat","payload":null})", "payload of heartbeat"},
      {R"({"type":"heartbeat","payload":[]})", "payload of heartbeat"},
      {R"({"type":"heartbeat","payload":"{}"})", "payload of heartbeat"},
      {R"({"type":"heartbeat","payload":7})", "payload of heartbeat"},
      {R"({"type":"heartbeat"})", kGood},
      {R"({"type":"HEARTBEAT"})", kGood},  // an unknown type, answered by the broker
      {R"({"type":")" + std::string(1024, 'x') + "\"}", kGood},
  };
  checkToServer(rows);
  checkToClient(rows);
}

TEST_CASE("size and depth", "[wire][control][hostile]") {
  const std::vector<Row> both = {
      {padded(kMaxMessageToServer), kGood},
      {nested(16), kGood},
      {nested(17), "nested too deeply"},
      {nested(20'000), "nested too deeply"},
      {std::string(60'000, '['), "nested too deeply"},
      {repeat("{\"a\":", 10'000), "nested too deeply"},
      {repeat("[{\"a\":", 9), "nested too deeply"},
      {R"({"type":"heartbeat","payload":{"x":")" + std::string(1000, '[') + "\"}}", kGood},  // in a text nothing nests
      {R"({"type":"heartbeat","payload":{"x":"\")" + std::string(1000, '[') + "\"}}", kGood},
      {R"({"type":"heartbeat","payload":{"x":"\\",)"
       "\"y\":" +
           std::string(1000, '[') + "}}",
       "nested too deeply"},
      {R"({"type":"heartbeat","payload":{"x":[)" + repeat("[],", 1000) + "[]]}}", kGood},  // beside each other
      {repeat("]", 1000) + repeat("[", 1000), "not JSON"},
  };
  checkToServer(both);
  checkToClient(both);
  checkToServer({{padded(kMaxMessageToServer + 1), "too long"}});
  checkToClient({{padded(kMaxMessageToServer + 1), kGood},
                 {padded(kMaxMessageToClient), kGood},
                 {padded(kMaxMessageToClient + 1), "too long"}});
}

TEST_CASE("numbers out of range", "[wire][control][hostile]") {
  std::vector<Row> rows;
  for (const char* good : {"0", "1", "65535", "80.0", "8e1", "8.5e1"}) rows.push_back({port(good), kGood});
  for (const char* bad : {"-1", "65536", "65535.5", "-0.5", "1e5", "1e300", "-1e300", "2147483648", "4294967376",
                          "9223372036854775808", "18446744073709551615", "18446744073709551696",
                          "123456789012345678901234567890", "\"80\"", "true", "null", "[80]", "{}"}) {
    rows.push_back({port(bad), "field remotePort of connect_request"});
  }
  rows.push_back(
      {R"({"type":"connect_request","payload":{"toClientId":"B","keys":["00112233445566778899aabbccddeeff"]}})",
       "remotePort"});
  rows.push_back(
      {connect(R"("remotePort":1,"localPort":65536,"keys":["00112233445566778899aabbccddeeff"])"), "localPort"});
  rows.push_back(
      {connect(R"("remotePort":1,"localPort":-1,"keys":["00112233445566778899aabbccddeeff"])"), "localPort"});
  for (const char* good : {"0", "-1", "9223372036854775807", "-9223372036854775808", "1700000000000.25"}) {
    rows.push_back({R"({"type":"heartbeat","payload":{"timestamp":)" + std::string{good} + "}}", kGood});
  }
  for (const char* bad : {"9223372036854775808", "1e16", "-1e19", "\"1\"", "null", "[]", "true"}) {
    rows.push_back({R"({"type":"heartbeat","payload":{"timestamp":)" + std::string{bad} + "}}", "timestamp"});
  }
  for (const char* bad : {"-1", "1000001", "\"1\"", "null", "1e99"}) {
    rows.push_back({R"({"type":"register","payload":{"version":)" + std::string{bad} + "}}", "version"});
  }
  checkToServer(rows);
}

TEST_CASE("keys and sessions", "[wire][control][hostile]") {
  std::vector<Row> rows = {
      {keys(keyList(1)), kGood},
      {keys(keyList(64)), kGood},
      {keys(R"(["00112233445566778899AABBCCDDEEFF"])"), kGood},
      {sessions("[]"), kGood},
      {sessions(R"([{"sessionId":"s-1","later":1}])"), kGood},
      {sessions(R"([{}])"), kGood},
      {sessions("[" + repeat(R"({"sessionId":"s-1"},)", 63) + R"({"sessionId":"s-1"}])"), kGood},
  };
  for (const std::string& bad :
       {std::string{"[]"}, keyList(65), keyList(1500), std::string{"null"}, std::string{"{}"},
        std::string{R"("00112233445566778899aabbccddeeff")"}, std::string{"[1]"}, std::string{"[null]"},
        std::string{"[[]]"}, std::string{R"([""])"}, std::string{R"(["00112233445566778899aabbccddeef"])"},
        std::string{R"(["00112233445566778899aabbccddeeff0"])"}, std::string{R"(["00112233445566778899aabbccddeefg"])"},
        std::string{R"(["00112233445566778899aabbccddee\u0000"])"},
        std::string{R"(["00112233445566778899aabbccddeeff",1])"}, "[" + repeat("1,", 30'000) + "1]"}) {
    rows.push_back({keys(bad), "field keys"});
  }
  for (const std::string& bad :
       {std::string{"null"}, std::string{"{}"}, std::string{"\"s-1\""}, std::string{"[1]"}, std::string{"[null]"},
        std::string{R"(["s-1"])"}, std::string{R"([{"sessionId":1}])"}, std::string{R"([{"sessionId":"1"}])"},
        std::string{R"([{"sessionId":"s-"}])"}, std::string{R"([{"sessionId":"s-11111111111111111"}])"},
        std::string{R"([{"sessionId":null}])"}, std::string{R"([{"key":"zz"}])"},
        std::string{R"([{"sessionId":"s-1","udpSession":-1}])"},
        std::string{R"([{"sessionId":"s-1","udpSession":4294967296}])"},
        std::string{R"([{"sessionId":"s-1","udpSession":"1"}])"},
        "[" + repeat(R"({"sessionId":"s-1"},)", 64) + R"({"sessionId":"s-1"}])", "[" + repeat("{},", 20'000) + "{}]"}) {
    rows.push_back({sessions(bad), "of session_closed"});
  }
  rows.push_back({R"({"type":"session_closed"})", "field sessions"});
  rows.push_back({R"({"type":"accept_session"})", "field sessions"});
  rows.push_back({R"({"type":"reject_session","payload":{"sessions":[],"code":7}})", "field code"});
  checkToServer(rows);
}

TEST_CASE("texts of a wrong kind or content", "[wire][control][hostile]") {
  const std::string h255(255, 'h');
  checkToServer({
      {host("\"" + h255 + "\""), kGood},
      {host(R"("::1")"), kGood},
      {host("\"" + h255 + "h\""), "remoteHost"},
      {host(R"("a b")"), "remoteHost"},
      {host(R"("a\nb")"), "remoteHost"},
      {host(R"("a\u0000b")"), "remoteHost"},
      {host("\"a\x7f\""), "remoteHost"},
      {host("7"), "remoteHost"},
      {connect(R"("remotePort":1,"keys":)" + keyList(1) + R"(,"protocol":"sctp")"), "protocol"},
      {connect(R"("remotePort":1,"keys":)" + keyList(1) + R"(,"protocol":6)"), "protocol"},
      {connect(R"("remotePort":1,"keys":)" + keyList(1) + R"(,"protocol":"")"), kGood},
      {R"({"type":"connect_request","payload":{"remotePort":1,"keys":)" + keyList(1) + "}}", "toClientId"},
      {R"({"type":"register","payload":{"clientId":7}})", "clientId"},
      {R"({"type":"register","payload":{"clientId":")" + std::string(1024, 'x') + "\"}}",
       kGood},  // the broker says bad_id
      {R"({"type":"register","payload":{"clientId":")" + std::string(1025, 'x') + "\"}}", "clientId"},
      {R"({"type":"register","payload":{"proof":false}})", "proof"},
      {R"({"type":"register","payload":{"clientId":"a\u0000b"}})", kGood},
  });
}

TEST_CASE("a field that comes twice counts once, the first", "[wire][control][hostile]") {
  const auto decoded = decodeToServer(
      R"({"type":"register","type":"unregister","payload":{"clientId":"A","clientId":"B"},"payload":{"clientId":"C"}})");
  REQUIRE(decoded.ok());
  REQUIRE(std::holds_alternative<Register>(decoded.value()));
  CHECK(std::get<Register>(decoded.value()).clientId == "A");
}

TEST_CASE("a server that lies to its client", "[wire][control][hostile]") {
  checkToClient({
      {R"({"type":"register_response","payload":{"success":true}})", "assignedId"},
      {R"({"type":"register_response","payload":{"success":"yes"}})", "success"},
      {R"({"type":"register_response","payload":{"success":true,"assignedId":"B","heartbeatInterval":86400001}})",
       "heartbeatInterval"},
      {R"({"type":"register_response","payload":{"success":true,"assignedId":"B","heartbeatTimeout":-1}})",
       "heartbeatTimeout"},
      {R"({"type":"register_response","payload":{}})", kGood},
      {R"({"type":"client_list"})", "clients"},
      {R"({"type":"client_list","payload":{"clients":{}}})", "clients"},
      {R"({"type":"client_list","payload":{"clients":[1]}})", "clients"},
      {R"({"type":"client_list","payload":{"clients":[{}]}})", "clients"},
      {R"({"type":"client_list","payload":{"clients":[{"id":"a","registeredAt":-1}]}})", "clients"},
      {R"({"type":"client_list","payload":{"clients":[)" + repeat(R"({"id":"a"},)", 199'999) + R"({"id":"a"}]}})",
       kGood},
      {R"({"type":"client_list","payload":{"clients":[)" + repeat(R"({"id":"a"},)", 200'000) + R"({"id":"a"}]}})",
       "clients"},
      {R"({"type":"connect_request","payload":{"fromClientId":"A","remotePort":65536,"sessions":[]}})", "remotePort"},
      {R"({"type":"connect_request","payload":{"fromClientId":"A","remotePort":1}})", "sessions"},
      {R"({"type":"create_session","payload":{"peerClientId":"B","sessions":[],"relayAddr":{"port":65536}}})",
       "relayAddr"},
      {R"({"type":"create_session","payload":{"peerClientId":"B","sessions":[],"relayAddr":7}})", kGood},
      {R"({"type":"create_session","payload":{"sessions":[]}})", "peerClientId"},
      {R"({"type":"error","payload":{"message":[]}})", "message"},
  });
}
