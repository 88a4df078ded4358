#include "base/target_host.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace chuantou;

namespace {
using K = TargetHost::Kind;

struct Row {
  std::string text;
  K kind;
  std::string means;  ///< the address or the name
};
}  // namespace

TEST_CASE("hosts that can be asked for", "[base][target_host]") {
  const Row rows[] = {
      {"", K::loopback, "127.0.0.1"},
      {"localhost", K::loopback, "127.0.0.1"},
      {"LOCALHOST", K::loopback, "127.0.0.1"},
      {"LocalHost.", K::loopback, "127.0.0.1"},
      {"127.0.0.1", K::loopback, "127.0.0.1"},
      {"::1", K::loopback, "::1"},
      {"0:0:0:0:0:0:0:1", K::loopback, "::1"},
      {"0::01", K::loopback, "::1"},
      {"127.0.0.2", K::address, "127.0.0.2"},
      {"192.168.1.5", K::address, "192.168.1.5"},
      {"2001:DB8:0::5", K::address, "2001:db8::5"},
      {"::ffff:127.0.0.1", K::address, "::ffff:7f00:1"},  // an address, and forbidden
      {"0.0.0.0", K::address, "0.0.0.0"},
      {"db", K::name, "db"},
      {"DB.Lan.", K::name, "db.lan"},
      {"my_db-1.example.com", K::name, "my_db-1.example.com"},
      {"1.2.3.4.example", K::name, "1.2.3.4.example"},
      {"1password", K::name, "1password"},
      {"0xyz", K::name, "0xyz"},
      {"x0x1", K::name, "x0x1"},
      {"1.0x1g", K::name, "1.0x1g"},
      {"foo.localhost", K::name, "foo.localhost"},
      {"localhost.localdomain", K::name, "localhost.localdomain"},
      {"xn--fiqs8s.cn", K::name, "xn--fiqs8s.cn"},
      {std::string(63, 'a') + "." + std::string(63, 'b'), K::name, std::string(63, 'a') + "." + std::string(63, 'b')},
  };
  for (const Row& row : rows) {
    INFO("'" << row.text << "'");
    const auto host = parseTargetHost(row.text);
    REQUIRE(host.ok());
    CHECK(host.value().kind == row.kind);
    CHECK((row.kind == K::name ? host.value().name : host.value().address.str()) == row.means);
    CHECK(isLoopbackName(row.text) == (row.kind == K::loopback));
  }
}

TEST_CASE("spellings that a resolver would take for an address, and other things that are no host", "[base][target_host]") {
  const std::string texts[] = {
      // What inet_aton() reads: fewer parts, hexadecimal, octal.
      "0", "1", "127", "127.1", "127.0.1", "2130706433", "4294967295", "99999999999", "017700000001", "0x7f000001",
      "0X7F000001", "0x7f.0.0.1", "0x7f.1", "127.0.0.0x1", "127.0x0.0.1", "0177.0.0.1", "0177.0.0.01", "127.0.0.01",
      "127.000.000.001", "00127.0.0.1", "0x00000000000000007f000001", "0x7f.0x0.0x0.0x1", "0177.0x1", "0x", "0x.0x",
      "10.1", "169.254.43518", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "0xA9.0xFE.0xA9.0xFE", "0.0", "00",
      "0x0", "00.00.00.00",
      // A dot too many, numbers too large or too many.
      "127.0.0.1.", "127.0.0.1..", "127.1.", "2130706433.", "0x7f000001.", ".127.0.0.1", "127..0.1", "127.0.0.256",
      "127.0.0.1.0", "256.0.0.1", "1.2.3.4.5", "db.1", "a.b.0x1", "db.0177", "localhost.1", "127.0.0.1.0x0",
      // Signs, spaces, other characters.
      "+127.0.0.1", "-127.0.0.1", "127.0.0.+1", " 127.0.0.1", "127.0.0.1 ", "127.0.0.1\t", "127.0.0.1\n", "127.0.0.1 x",
      "\t", " ", "127,0,0,1", "127。0。0。1", "127．0．0．1", "１２７.0.0.1", "１２７．０．０．１", "①②⑦.0.0.1", "１27.0.0.1", "0．0．0．0",
      "ｌocalhost", "localhost。", "127.0.0.1%00", "%31%32%37.0.0.1", "127.0.0.1/8", "127.0.0.1:80", "user@127.0.0.1",
      "127.0.0.1#", "127.0.0.1?x", "127.0.0.1\\", "//127.0.0.1", "http://127.0.0.1", std::string{"127.0.0.1\0", 10},
      std::string{"localhost\0.example", 18}, "local host", "localhost..", ".localhost", ".", "..", "-", "-db", "db-", "a..b",
      "*", "db!", "db\x7f", "\xff\xfe", "数据库", "münchen.de",
      // IPv6 with more around it.
      "[::1]", "[::]", "::1%lo", "::1%1", "fe80::1%eth0", "fe80::1%25eth0", "::%0", "::1/128", ":::", "::1:", "1::2::3",
      "::ffff:127.1", "::ffff:0x7f.0.0.1", "::ffff:127.0.0.01", "::ffff:127.0.0.1.", "0:0:0:0:0:0:0:0:1", "::00001",
      "::0x1", "::1.", "::g", "::１",
      // Too long.
      std::string(64, 'a'), std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(63, 'a'),
  };
  CHECK(std::size(texts) >= 120);
  for (const std::string& text : texts) {
    INFO("'" << text << "'");
    CHECK_FALSE(parseTargetHost(text).ok());
    CHECK_FALSE(isLoopbackName(text));
  }
}

TEST_CASE("what only this machine reaches", "[base][target_host]") {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"}) CHECK(isThisMachine(host));
  for (const char* host : {"", "0.0.0.0", "::", "128.0.0.1", "relay.example", "127.0.0.1.example", "::2", "::ffff:127.0.0.1", "127.1"}) {
    CHECK_FALSE(isThisMachine(host));
  }
}
