#include "base/port_rules.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;

namespace {

using Rules = std::vector<std::string>;

ClientId peer(const char* name) { return *ClientId::parse(name); }

}  // namespace

TEST_CASE("what a target offers", "[base][port_rules]") {
  struct Row {
    Rules rules;
    const char* peer;
    const char* host;
    std::uint16_t port;
    bool allowed;
  };
  const Row rows[] = {
      // No rules: all of loopback, nothing else.
      {{}, "A", "", 1, true},
      {{}, "A", "", 65535, true},
      {{}, "A", "", 0, false},
      {{}, "A", "localhost", 22, true},
      {{}, "A", "127.0.0.1", 22, true},
      {{}, "A", "::1", 22, true},
      {{}, "A", "127.0.0.2", 22, false},
      {{}, "A", "0.0.0.0", 22, false},
      {{}, "A", "::", 22, false},
      {{}, "A", "::ffff:127.0.0.1", 22, false},
      {{}, "A", "LOCALHOST", 22, false},
      {{}, "A", "localhost.", 22, false},
      {{}, "A", "192.168.1.1", 22, false},
      // None.
      {{"none"}, "A", "", 22, false},
      {{"none", "none"}, "A", "", 22, false},
      {{"none,none"}, "A", "", 22, false},
      // A port.
      {{"22"}, "A", "", 22, true},
      {{"22"}, "A", "localhost", 22, true},
      {{"22"}, "A", "", 21, false},
      {{"22"}, "A", "", 23, false},
      {{"22"}, "A", "db", 22, false},
      // A range, both ends included.
      {{"3000-3010"}, "A", "", 2999, false},
      {{"3000-3010"}, "A", "", 3000, true},
      {{"3000-3010"}, "A", "", 3010, true},
      {{"3000-3010"}, "A", "", 3011, false},
      {{"7-7"}, "A", "", 7, true},
      {{"1-65535"}, "A", "", 65535, true},
      // A star.
      {{"*"}, "A", "", 65535, true},
      {{"*"}, "A", "db", 5432, false},
      // Lists, and several.
      {{"22,80"}, "A", "", 80, true},
      {{"22,80"}, "A", "", 81, false},
      {{"22", "80-90"}, "A", "", 85, true},
      {{"22,443", "80-90"}, "A", "", 443, true},
      // For one peer.
      {{"22@A"}, "A", "", 22, true},
      {{"22@A"}, "B", "", 22, false},
      {{"22@A"}, "AA", "", 22, false},
      {{"22@A,22@B"}, "B", "", 22, true},
      {{"80-90@lap-top.7"}, "lap-top.7", "", 90, true},
      {{"22@A,80"}, "B", "", 80, true},
      {{"*@A"}, "B", "", 80, false},
      // Other hosts, in the same spelling.
      {{"db:5432"}, "A", "db", 5432, true},
      {{"db:5432"}, "A", "", 5432, false},
      {{"db:5432"}, "A", "DB", 5432, false},
      {{"db:5432"}, "A", "db", 5433, false},
      {{"db:*"}, "A", "db", 1, true},
      {{"my-db:10-20@A"}, "A", "my-db", 15, true},
      {{"my-db:10-20@A"}, "B", "my-db", 15, false},
      {{"10.0.0.7:80"}, "A", "10.0.0.7", 80, true},
      {{"[2001:db8::1]:80"}, "A", "2001:db8::1", 80, true},
      {{"[2001:db8::1]:80"}, "A", "2001:db8::2", 80, false},
      // Loopback has many names.
      {{"localhost:22"}, "A", "", 22, true},
      {{"127.0.0.1:22"}, "A", "::1", 22, true},
      {{"[::1]:22"}, "A", "localhost", 22, true},
      // Naming a host takes the default away.
      {{"db:5432"}, "A", "localhost", 22, false},
  };
  for (const Row& row : rows) {
    const auto rules = PortRules::parse(row.rules);
    INFO("rules " << Catch::Detail::stringify(row.rules) << ", peer " << row.peer << ", host '" << row.host
                  << "', port " << row.port);
    REQUIRE(rules.ok());
    CHECK(rules.value().allows(peer(row.peer), row.host, row.port) == row.allowed);
  }
}

TEST_CASE("rules that cannot be understood name themselves", "[base][port_rules]") {
  const Rules bad[] = {
      {""},         {" "},        {"0"},       {"65536"},   {"-1"},         {"abc"},  {"22-"},      {"-22"},
      {"30-20"},    {"0-10"},     {"1-65536"}, {"1-2-3"},   {"22,"},        {",22"},  {"22,,80"},   {"22@"},
      {"22@a b"},   {"22@a@b c"}, {"@A"},      {"db:"},     {":22"},        {"db:0"}, {"db:abc"},   {"[]:x"},
      {"* "},       {"**"},       {"22 80"},   {"none,22"}, {"22", "none"}, {"None"}, {"22@none!"}, {"+22"},
      {"22@A@B C"}, {"1 - 2"},    {"0x16"},    {"none@A"},
  };
  for (const Rules& rules : bad) {
    INFO(Catch::Detail::stringify(rules));
    const auto parsed = PortRules::parse(rules);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().errc() == Errc::invalid_argument);
    CHECK(parsed.error().subject().substr(0, 8) == "--allow ");
    CHECK_FALSE(parsed.error().detail().empty());
  }
}

TEST_CASE("names of loopback", "[base][port_rules]") {
  for (const char* name : {"", "localhost", "127.0.0.1", "::1"}) CHECK(isLoopbackName(name));
  for (const char* name : {"127.0.0.2", "Localhost", "[::1]", "0", "localhost.localdomain", " "})
    CHECK_FALSE(isLoopbackName(name));
}
