#include <catch2/catch.hpp>

#include "daemon/failure.hpp"
#include "daemon/human_text.hpp"
#include "daemon/join_line.hpp"
#include "daemon/json_reader.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/language.hpp"
#include "daemon/nearest_word.hpp"
#include "daemon/proxy_text.hpp"

using namespace chuantou;
using namespace chuantou::daemon;

TEST_CASE("-L reads every spelling", "[daemon][proxy]") {
  struct Case {
    const char* text;
    const char* line;
    Protocol protocol;
    const char* localHost;
  };
  const Case cases[] = {
      {"8000:B:3000", "proxy 127.0.0.1:8000 -> B:3000", Protocol::both, ""},
      {"0:B:3000/tcp", "proxy 127.0.0.1:0 -> B:3000", Protocol::tcp, ""},
      {"53:my-pc.1:53/udp", "proxy 127.0.0.1:53 -> my-pc.1:53", Protocol::udp, ""},
      {"8000:B:3000/both", "proxy 127.0.0.1:8000 -> B:3000", Protocol::both, ""},
      {"80:B:192.168.1.5:81", "proxy 127.0.0.1:80 -> B:192.168.1.5:81", Protocol::both, ""},
      {"80:B:[fe80::1]:81/tcp", "proxy 127.0.0.1:80 -> B:[fe80::1]:81", Protocol::tcp, ""},
      {"80:22:33", "proxy 127.0.0.1:80 -> 22:33", Protocol::both, ""},
      {"0.0.0.0:80:B:81", "proxy 0.0.0.0:80 -> B:81", Protocol::both, "0.0.0.0"},
      {"[::1]:80:B:nas:81/udp", "proxy [::1]:80 -> B:nas:81", Protocol::udp, "::1"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const ProxyOptions options = parseLocalFlag(c.text, Language::english);
    CHECK(proxyLine(options) == c.line);
    CHECK(options.protocol == c.protocol);
    CHECK(options.localHost == c.localHost);
  }
}

TEST_CASE("-L refuses everything else with wrong usage", "[daemon][proxy]") {
  for (const char* text : {"",
                           ":",
                           "::",
                           ":::",
                           "8000",
                           "8000:B",
                           "8000:B:",
                           "8000:B:0",
                           "8000:B:65536",
                           "65536:B:1",
                           "-1:B:1",
                           "8000::1",
                           "8000:B:h:1:2",
                           "8000:B C:1",
                           "8000:B:3000/sctp",
                           "8000:B:3000/",
                           "x:B:1",
                           "8000:B::1",
                           "8000:B:a b:1",
                           "[::1:8000:B:1",
                           "80000000000000000000:B:1",
                           "0.0.0.0:8000:B",
                           "8000:B:[::1]",
                           "a b:1:B:1"}) {
    CAPTURE(text);
    try {
      const ProxyOptions options = parseLocalFlag(text, Language::english);
      FAIL(proxyLine(options));
    } catch (const Failure& failure) {
      CHECK(failure.exitCode() == kExitUsage);
    }
  }
}

TEST_CASE("a proxy's name cannot be taken for a port", "[daemon][proxy]") {
  CHECK(isProxyName("web-1"));
  CHECK_FALSE(isProxyName("8080"));
  CHECK_FALSE(isProxyName(""));
  CHECK_FALSE(isProxyName("a/b"));
  CHECK_FALSE(isProxyName(std::string(65, 'a')));
}

TEST_CASE("the locale's first word decides the language", "[daemon][language]") {
  CHECK(languageOfLocale(nullptr, nullptr, "zh_CN.UTF-8") == Language::chinese);
  CHECK(languageOfLocale("C", nullptr, "zh_CN.UTF-8") == Language::english);
  CHECK(languageOfLocale("", "zh_TW", "en_US") == Language::chinese);
  CHECK(languageOfLocale(nullptr, nullptr, nullptr) == Language::english);
  CHECK(chooseLanguage("zh") == Language::chinese);
  CHECK(chooseLanguage("en") == Language::english);
}

TEST_CASE("Accept-Language is weighed", "[daemon][language]") {
  CHECK(languageOfAcceptHeader("zh") == Language::chinese);
  CHECK(languageOfAcceptHeader("zh-CN,zh;q=0.9,en;q=0.8") == Language::chinese);
  CHECK(languageOfAcceptHeader("en-US,en;q=0.9,zh;q=0.5") == Language::english);
  CHECK(languageOfAcceptHeader("zh;q=0") == Language::english);
  CHECK(languageOfAcceptHeader("") == Language::english);
  CHECK(languageOfAcceptHeader(",;q=,;;,zh") == Language::chinese);
}

TEST_CASE("the nearest word is near", "[daemon][text]") {
  const std::vector<std::string_view> words{"server", "port", "log-level", "log-format"};
  CHECK(nearestWord("servr", words) == "server");
  CHECK(nearestWord("potr", words) == "port");
  CHECK(nearestWord("loglevel", words) == "log-level");
  CHECK(nearestWord("xyzzy", words).empty());
  CHECK(nearestWord(std::string(10'000, 'a'), words).empty());
}

TEST_CASE("JSON that is written can be read, whatever its strings hold", "[daemon][json]") {
  JsonWriter json;
  json.field("bad", "a\xff\xc0\x80z");
  json.field("quote", "\"\\\n\x01");
  json.field("yes", true);
  json.field("n", std::uint64_t{18446744073709551615U});
  json.null("nothing");
  json.beginArray("list");
  json.beginObject();
  json.field("i", -5);
  json.endObject();
  json.endArray();
  json.beginArray("times");
  json.field({}, 7);
  json.null({});
  json.field({}, "7");
  json.endArray();
  const std::string text = json.finish();
  const JsonDocument document{text, 1000, Language::english};
  const JsonObject root = document.root();
  CHECK(root.textOr("bad") == "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
  CHECK(root.textOr("quote") == "\"\\\n\x01");
  CHECK(root.boolean("yes"));
  CHECK(root.objects("list").at(0).numberOr("i") == -5);
  CHECK(root.textOr("nothing", "-") == "-");
  using Numbers = std::vector<std::optional<std::int64_t>>;
  CHECK(root.numbers("times") == Numbers{7, std::nullopt, std::nullopt});
  CHECK(root.numbers("yes").empty());
}

TEST_CASE("UTF-8 is repaired and otherwise kept", "[daemon][json]") {
  CHECK(repairUtf8("客户端 é 😀") == "客户端 é 😀");
  CHECK(repairUtf8("\xed\xa0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
  CHECK(repairUtf8("\xe5\xae") == "\xEF\xBF\xBD\xEF\xBF\xBD");                  // cut short
}

TEST_CASE("times as people write them", "[daemon][text]") {
  using namespace std::chrono_literals;
  CHECK(parseDuration("1s") == 1000ms);
  CHECK(parseDuration("90s") == 90s);
  CHECK(parseDuration("30m") == 30min);
  CHECK(parseDuration("24h") == 24h);
  CHECK(parseDuration("7d") == 168h);
  CHECK(parseDuration("36500d") == 24h * 36500);
  for (const char* text : {"", "s", "24", "0h", "-1h", "+1h", "1.5h", "1 h", " 1h", "1h ", "1H", "1y", "1hh", "36501d",
                           "4294967296s", "99999999999999999999d"}) {
    CAPTURE(text);
    CHECK_FALSE(parseDuration(text));
  }
}

TEST_CASE("the command that joins a client", "[daemon][text]") {
  CHECK(joinCommand({"relay.example", 8200}, "abc", "sha256:12") ==
        "ctc run --server wss://relay.example:8200 --token abc --fingerprint sha256:12");
  CHECK(joinCommand({"::1", 80}, "", "") == "ctc run --server wss://[::1]:80");
  CHECK(reachableHost("192.0.2.7") == "192.0.2.7");
  for (const char* any : {"0.0.0.0", "::"}) {
    CHECK_FALSE(reachableHost(any).empty());
    CHECK(reachableHost(any) != any);
  }
}
