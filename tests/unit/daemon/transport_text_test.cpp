// The ways to peers as people see them: from the library's rows through the admin API's JSON to the table.
#include "daemon/transport_text.hpp"

#include <catch2/catch.hpp>

#include "daemon/transport_json.hpp"

using namespace chuantou;
using namespace chuantou::daemon;
using namespace std::chrono_literals;

namespace {

std::string written() {
  TransportInfo tcp{"relay tcp", "ws://host:8200", true, 14, 1, 12'340us, "client \"B\" is offline"};
  TransportInfo udp{"relay udp", "10.0.0.1:8200", false, 0, 2, 0us, "no answer"};
  JsonWriter json;
  writePeerWays(json, {PeerWays{"B", {tcp, udp}}, PeerWays{"C", {udp}}, PeerWays{"D", {}}});
  return json.finish();
}

std::string textOf(const std::string& json, Language language, std::string_view peer = {}) {
  const JsonDocument document{json, 100'000, language};
  return peerWaysText(document.root(), language, false, peer);
}

}  // namespace

TEST_CASE("the ways to peers as JSON", "[daemon][ways]") {
  const std::string json = written();
  CHECK(json.find(R"({"peerWays":[{"id":"B","ways":[{"kind":"relay tcp","where":"ws://host:8200","ok":true,"successes":14,"failures":1,)"
                  R"("latencyUs":12340,"lastError":"client \"B\" is offline"},{"kind":"relay udp")") == 0);
}

TEST_CASE("the ways to peers in words", "[daemon][ways]") {
  CHECK(textOf(written(), Language::english) ==
        "PEER  WAY        OVER            NOW       TOOK  WORKED  FAILED  LAST FAILURE\n"
        "B     relay tcp  ws://host:8200  works  12.3 ms      14       1  client \"B\" is offline\n"
        "B     relay udp  10.0.0.1:8200   fails                0       2  no answer\n"
        "C     relay udp  10.0.0.1:8200   fails                0       2  no answer\n");
  CHECK(textOf(written(), Language::english, "C") ==
        "PEER  WAY        OVER           NOW    TOOK  WORKED  FAILED  LAST FAILURE\n"
        "C     relay udp  10.0.0.1:8200  fails             0       2  no answer\n");
  const std::string chinese = textOf(written(), Language::chinese);
  for (const char* word : {"客户端", "通路", "不可用", "成功", "最近失败"}) {
    CAPTURE(word, chinese);
    CHECK(chinese.find(word) != std::string::npos);
  }
  for (const char* nobody : {"D", "E"}) CHECK(textOf(written(), Language::english, nobody).empty());
}
