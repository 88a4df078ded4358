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
      {{}, "A", "LOCALHOST", 22, true},
      {{}, "A", "localhost.", 22, true},
      {{}, "A", "0:0::1", 22, true},
      {{}, "A", "127.1", 22, false},
      {{}, "A", "db", 22, false},
      {{}, "A", "2001:db8::1", 22, false},
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
      // Other hosts: names whatever their case, addresses whatever their spelling.
      {{"db:5432"}, "A", "db", 5432, true},
      {{"db:5432"}, "A", "", 5432, false},
      {{"db:5432"}, "A", "DB", 5432, true},
      {{"DB.lan.:5432"}, "A", "db.LAN", 5432, true},
      {{"db:5432"}, "A", "db.", 5432, true},
      {{"db:5432"}, "A", "db.lan", 5432, false},
      {{"db:5432"}, "A", "db", 5433, false},
      {{"db:*"}, "A", "db", 1, true},
      {{"my-db:10-20@A"}, "A", "my-db", 15, true},
      {{"my-db:10-20@A"}, "B", "my-db", 15, false},
      {{"10.0.0.7:80"}, "A", "10.0.0.7", 80, true},
      {{"[2001:db8::1]:80"}, "A", "2001:db8::1", 80, true},
      {{"[2001:db8::1]:80"}, "A", "2001:db8::2", 80, false},
      {{"[2001:db8::1]:80"}, "A", "2001:DB8:0:0:0:0:0:1", 80, true},
      {{"10.0.0.7:80"}, "A", "10.0.0.8", 80, false},
      {{"10.0.0.7:80"}, "A", "0x0a.0.0.7", 80, false},
      {{"10.0.0.7:80"}, "A", "::ffff:10.0.0.7", 80, false},
      // Blocks.
      {{"192.168.1.0/24:80"}, "A", "192.168.1.0", 80, true},
      {{"192.168.1.0/24:80"}, "A", "192.168.1.255", 80, true},
      {{"192.168.1.0/24:80"}, "A", "192.168.2.0", 80, false},
      {{"192.168.1.0/24:80"}, "A", "192.168.1.7", 81, false},
      {{"192.168.1.0/24:80"}, "A", "", 80, false},
      {{"[fd00::]/8:80"}, "A", "fd12::1", 80, true},
      {{"[fd00::]/8:80"}, "A", "fc12::1", 80, false},
      {{"[fd00::]/8:80"}, "A", "fd00:ec2::254", 80, false},
      {{"0.0.0.0/0:*"}, "A", "8.8.8.8", 53, true},
      {{"0.0.0.0/0:*"}, "A", "127.0.0.1", 53, false},
      {{"0.0.0.0/0:*"}, "A", "127.0.0.2", 53, false},
      {{"0.0.0.0/0:*"}, "A", "0.0.0.0", 53, false},
      {{"0.0.0.0/0:*"}, "A", "169.254.169.254", 80, false},
      {{"0.0.0.0/0:*"}, "A", "100.100.100.200", 80, false},
      {{"0.0.0.0/0:*"}, "A", "224.0.0.1", 80, false},
      {{"0.0.0.0/0:*"}, "A", "255.255.255.255", 80, false},
      {{"0.0.0.0/0:*"}, "A", "db", 80, false},
      {{"[::]/0:*"}, "A", "2001:db8::1", 80, true},
      {{"[::]/0:*"}, "A", "::1", 80, false},
      {{"[::]/0:*"}, "A", "::ffff:8.8.8.8", 80, false},
      {{"[::]/0:*"}, "A", "64:ff9b::7f00:1", 80, false},
      {{"[::]/0:*"}, "A", "fe80::1", 80, false},
      {{"[::]/0:*"}, "A", "8.8.8.8", 80, false},
      // The rest of 127/8.
      {{"127.0.0.2:22"}, "A", "127.0.0.2", 22, true},
      {{"127.0.0.2:22"}, "A", "127.0.0.1", 22, false},
      {{"127.0.0.2:22"}, "A", "::1", 22, false},
      {{"127.0.0.0/8:22"}, "A", "127.1.2.3", 22, true},
      {{"127.0.0.0/8:22"}, "A", "", 22, true},
      {{"127.0.0.0/8:22"}, "A", "::1", 22, true},
      {{"22"}, "A", "127.0.0.2", 22, false},
      // Loopback has many names.
      {{"localhost:22"}, "A", "", 22, true},
      {{"127.0.0.1:22"}, "A", "::1", 22, true},
      {{"[::1]:22"}, "A", "localhost", 22, true},
      {{"LOCALHOST.:22"}, "A", "::1", 22, true},
      {{"127.0.0.1/32:22"}, "A", "::1", 22, true},
      {{"[::1]/128:22"}, "A", "127.0.0.1", 22, true},
      // Naming a host takes the default away.
      {{"db:5432"}, "A", "localhost", 22, false},
  };
  for (const Row& row : rows) {
    const auto rules = PortRules::parse(row.rules);
    INFO("rules " << Catch::Detail::stringify(row.rules) << ", peer " << row.peer << ", host '" << row.host
                  << "', port " << row.port);
    REQUIRE(rules.ok());
    CHECK(rules.value().decide(peer(row.peer), true, row.host, row.port).allowed() == row.allowed);
  }
}

TEST_CASE("peers of another group need a rule with their name", "[base][port_rules]") {
  struct Row {
    Rules rules;
    const char* peer;
    bool same;   ///< allowed to a peer of the group
    bool other;  ///< to one of another
  };
  const Row rows[] = {
      {{}, "A", true, false},         {{"22"}, "A", true, false},          {{"*"}, "A", true, false},
      {{"22@A"}, "A", true, true},    {{"22@A"}, "B", false, false},       {{"22@A", "22"}, "B", true, false},
      {{"none"}, "A", false, false},  {{"[::1]:22@A"}, "A", true, true},   {{"*@A,23"}, "A", true, true},
  };
  for (const Row& row : rows) {
    const auto rules = PortRules::parse(row.rules);
    INFO("rules " << Catch::Detail::stringify(row.rules) << ", peer " << row.peer);
    REQUIRE(rules.ok());
    CHECK(rules.value().decide(peer(row.peer), true, "", 22).allowed() == row.same);
    CHECK(rules.value().decide(peer(row.peer), false, "", 22).allowed() == row.other);
  }
}

TEST_CASE("what a decision says to dial", "[base][port_rules]") {
  const auto rules = PortRules::parse({"22", "db:22", "10.0.0.0/8:22", "127.0.0.2:22"});
  REQUIRE(rules.ok());
  const auto decide = [&](const char* host) { return rules.value().decide(peer("A"), true, host, 22); };
  const auto v4 = *IpAddress::parse("127.0.0.1");
  const auto v6 = *IpAddress::parse("::1");
  CHECK(decide("").kind == Decision::Kind::loopback);
  CHECK(decide("").addresses == std::vector{v4, v6});
  CHECK(decide("127.0.0.1").addresses == std::vector{v4, v6});
  CHECK(decide("::1").addresses == std::vector{v6, v4});
  CHECK(decide("10.1.2.3").kind == Decision::Kind::address);
  CHECK(decide("10.1.2.3").addresses == std::vector{*IpAddress::parse("10.1.2.3")});
  CHECK(decide("127.0.0.2").kind == Decision::Kind::address);
  CHECK(decide("DB.").kind == Decision::Kind::name);
  CHECK(decide("DB.").name == "db");
  CHECK(decide("DB.").addresses.empty());
  CHECK(decide("other").kind == Decision::Kind::refused);
  CHECK_FALSE(mayDial(decide("other"), v4));
  for (const char* host : {"", "10.1.2.3", "127.0.0.2", "::1"}) {
    for (const IpAddress& address : decide(host).addresses) CHECK(mayDial(decide(host), address));
    CHECK_FALSE(mayDial(decide(host), *IpAddress::parse("10.9.9.9")));  // allowed, but not what was asked for
  }
}

TEST_CASE("where a name may lead", "[base][port_rules]") {
  struct Row {
    Rules rules;
    const char* peer;
    const char* address;
    bool allowed;
  };
  const Row rows[] = {
      {{"db:22"}, "A", "10.0.0.7", true},
      {{"db:22"}, "A", "8.8.8.8", true},
      {{"db:22"}, "A", "2001:db8::7", true},
      {{"db:22"}, "A", "64:ff9b::8.8.8.8", true},
      // Never.
      {{"db:22"}, "A", "0.0.0.0", false},
      {{"db:22"}, "A", "::", false},
      {{"db:22"}, "A", "::ffff:10.0.0.7", false},
      {{"db:22"}, "A", "::ffff:127.0.0.1", false},
      {{"db:22"}, "A", "::10.0.0.7", false},
      {{"db:22"}, "A", "169.254.169.254", false},
      {{"db:22"}, "A", "fe80::1", false},
      {{"db:22"}, "A", "fd00:ec2::254", false},
      {{"db:22"}, "A", "100.100.100.200", false},
      {{"db:22"}, "A", "224.0.0.251", false},
      {{"db:22"}, "A", "ff02::1", false},
      {{"db:22"}, "A", "255.255.255.255", false},
      {{"db:22"}, "A", "64:ff9b::169.254.169.254", false},
      {{"db:22", "0.0.0.0/0:*", "[::]/0:*"}, "A", "169.254.169.254", false},
      // Loopback, if its port is offered to this peer as well.
      {{"db:22"}, "A", "127.0.0.1", false},
      {{"db:22"}, "A", "::1", false},
      {{"db:22", "22"}, "A", "127.0.0.1", true},
      {{"db:22", "22"}, "A", "::1", true},
      {{"db:22", "22"}, "A", "127.0.0.2", false},
      {{"db:22", "23"}, "A", "127.0.0.1", false},
      {{"db:22", "22@B"}, "A", "127.0.0.1", false},
      {{"db:22", "22@B"}, "B", "127.0.0.1", true},
      {{"db:22", "127.0.0.2:22"}, "A", "127.0.0.2", true},
      {{"db:22", "127.0.0.2:22"}, "A", "127.0.0.1", false},
      {{"db:22", "0.0.0.0/0:*"}, "A", "127.0.0.1", false},
      {{"db:22", "127.0.0.0/8:22"}, "A", "127.0.1.1", true},
  };
  for (const Row& row : rows) {
    const auto rules = PortRules::parse(row.rules);
    INFO("rules " << Catch::Detail::stringify(row.rules) << ", peer " << row.peer << ", db is " << row.address);
    REQUIRE(rules.ok());
    const Decision decision = rules.value().decide(peer(row.peer), true, "db", 22);
    REQUIRE(decision.kind == Decision::Kind::name);
    CHECK(mayDial(decision, *IpAddress::parse(row.address)) == row.allowed);
  }
}

TEST_CASE("rules that cannot be understood name themselves", "[base][port_rules]") {
  const Rules bad[] = {
      {""},         {" "},        {"0"},       {"65536"},   {"-1"},         {"abc"},  {"22-"},      {"-22"},
      {"30-20"},    {"0-10"},     {"1-65536"}, {"1-2-3"},   {"22,"},        {",22"},  {"22,,80"},   {"22@"},
      {"22@a b"},   {"22@a@b c"}, {"@A"},      {"db:"},     {":22"},        {"db:0"}, {"db:abc"},   {"[]:x"},
      {"* "},       {"**"},       {"22 80"},   {"none,22"}, {"22", "none"}, {"None"}, {"22@none!"}, {"+22"},
      {"22@A@B C"}, {"1 - 2"},    {"0x16"},    {"none@A"},
      // Hosts that are none.
      {"127.1:22"}, {"0x7f.0.0.1:22"}, {"2130706433:22"}, {"127.0.0.1.:22"}, {"a b:22"}, {"数据库:22"}, {"[db]:22"},
      {"[127.0.0.1]:22"}, {"2001:db8::1:22"}, {"::1:22"}, {"[::1%lo]:22"}, {"[::1:22"}, {"::1]:22"}, {"[]:22"},
      // Blocks that are none.
      {"10.0.0.0/:22"}, {"10.0.0.0/33:22"}, {"10.0.0.1/24:22"}, {"10.0.0.0/08:22"}, {"10.0.0.0/8/8:22"}, {"db/8:22"},
      {"/8:22"}, {"[fd00::]/129:22"}, {"[fd00::1]/8:22"}, {"[fd00::/8]:22"}, {"fd00::/8:22"}, {"10.0.0.0/-1:22"},
      {"10.0.0.0/255.0.0.0:22"}, {"192.168.1.0/24"},
      // What is never offered.
      {"0.0.0.0:22"}, {"[::]:22"}, {"[0:0::0]:22"}, {"169.254.169.254:80"}, {"169.254.1.1:80"}, {"[fe80::1]:22"},
      {"[fd00:ec2::254]:80"}, {"100.100.100.200:80"}, {"224.0.0.1:22"}, {"[ff02::1]:22"}, {"255.255.255.255:22"},
      {"[::ffff:10.0.0.1]:22"}, {"[::ffff:7f00:1]:22"}, {"[::10.0.0.1]:22"}, {"[64:ff9b::127.0.0.1]:22"},
      {"[2002:7f00:1::]:22"}, {"169.254.0.0/16:80"}, {"224.0.0.0/4:22"}, {"[fe80::]/10:22"}, {"[::ffff:0:0]/96:22"},
      {"0.0.0.0/8:22"}, {"22,169.254.169.254:80"}, {"169.254.169.254:80@A"},
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

TEST_CASE("a rule for an address that is never offered says so", "[base][port_rules]") {
  const std::pair<const char*, const char*> rows[] = {
      {"169.254.169.254:80", "169.254.169.254 is a cloud's metadata address, which is never offered"},
      {"[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1 is an IPv4 address inside an IPv6 address, which is never offered"},
      {"224.0.0.0/4:80", "224.0.0.0/4 is a multicast address, which is never offered"},
      {"10.0.0.1/24:80", "10.0.0.1 has more bits set than its first 24"},
  };
  for (const auto& [rule, why] : rows) {
    const auto parsed = PortRules::parse({rule});
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().detail() == why);
  }
}
