#include "daemon/config_file.hpp"

#include <catch2/catch.hpp>

#include "daemon/failure.hpp"

using namespace chuantou;
using namespace chuantou::daemon;

namespace {

const std::vector<ConfigKey> kKeys{{"server", ConfigKind::text},
                                   {"port", ConfigKind::integer},
                                   {"allow-anonymous", ConfigKind::boolean},
                                   {"allow", ConfigKind::list}};

std::string failureOf(std::string_view text, Language language = Language::english) {
  try {
    parseConfig(text, "ctc.toml", kKeys, language);
  } catch (const Failure& failure) {
    CHECK(failure.exitCode() == kExitUsage);
    return failure.what();
  }
  return "no failure";
}

}  // namespace

TEST_CASE("a configuration file gives values as they would stand on the command line", "[daemon][config]") {
  const auto values = parseConfig(
      "# a comment\nserver = \"ws://h:1\"\nport = 8_201\nallow-anonymous = true\nallow = [\"22\", \"80@A\"]\n", "f",
      kKeys, Language::english);
  REQUIRE(values.size() == 4);
  CHECK(values[0].key == "server");
  CHECK(values[0].values == std::vector<std::string>{"ws://h:1"});
  CHECK(values[0].place == "f:2");
  CHECK(values[1].values == std::vector<std::string>{"8201"});
  CHECK(values[2].values == std::vector<std::string>{"true"});
  CHECK(values[3].values == std::vector<std::string>{"22", "80@A"});
  CHECK(values[3].place == "f:5");
}

TEST_CASE("a list may be one string, or empty", "[daemon][config]") {
  CHECK(parseConfig("allow = \"22\"", "f", kKeys, Language::english)[0].values == std::vector<std::string>{"22"});
  CHECK(parseConfig("allow = []", "f", kKeys, Language::english)[0].values.empty());
  CHECK(parseConfig("", "f", kKeys, Language::english).empty());
}

TEST_CASE("mistakes in a configuration file are named with their place", "[daemon][config]") {
  struct Case {
    const char* text;
    const char* sentence;
  };
  const Case cases[] = {
      {"\nservr = \"x\"", "ctc.toml:2: unknown key \"servr\"; did you mean \"server\"?"},
      {"prot = 1", "ctc.toml:1: unknown key \"prot\"; did you mean \"port\"?"},
      {"allow_anonymous = true", "ctc.toml:1: unknown key \"allow_anonymous\"; did you mean \"allow-anonymous\"?"},
      {"zzzzzzzzzz = 1", "ctc.toml:1: unknown key \"zzzzzzzzzz\""},
      {"[proxy]\nport = 1", "ctc.toml:1: unknown key \"proxy\""},
      {"port = \"8201\"", "ctc.toml:1: \"port\" must be a whole number, 0 or more"},
      {"port = -1", "ctc.toml:1: \"port\" must be a whole number, 0 or more"},
      {"port = 1.5", "ctc.toml:1: \"port\" must be a whole number, 0 or more"},
      {"server = 5", "ctc.toml:1: \"server\" must be a string"},
      {"server = [\"a\"]", "ctc.toml:1: \"server\" must be a string"},
      {"allow-anonymous = 1", "ctc.toml:1: \"allow-anonymous\" must be true or false"},
      {"allow = [1]", "ctc.toml:1: \"allow\" must be a string or an array of strings"},
      {"allow = [[\"a\"]]", "ctc.toml:1: \"allow\" must be a string or an array of strings"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(failureOf(c.text) == c.sentence);
  }
  CHECK(failureOf("servr = 1", Language::chinese) == "ctc.toml:1：未知的配置项 \"servr\"；是否想写 \"server\"？");
}

TEST_CASE("broken TOML is an error with its line", "[daemon][config]") {
  for (const char* text : {"server = ", "server", "a = 1\na = 2", "server = \"\xff\"", "[", "\x01"}) {
    CAPTURE(text);
    CHECK_THAT(failureOf(text), Catch::Matchers::StartsWith("ctc.toml:"));
  }
  CHECK_THAT(failureOf("port = 1\nserver = \n"), Catch::Matchers::StartsWith("ctc.toml:2: "));
}

TEST_CASE("a configuration file that cannot be read is an error that names it", "[daemon][config]") {
  CHECK_THROWS_WITH(readConfig("/nowhere/x.toml", kKeys, Language::english),
                    Catch::Matchers::StartsWith("cannot read /nowhere/x.toml: "));
}
