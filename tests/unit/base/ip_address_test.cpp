#include "base/ip_address.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace chuantou;

namespace {

IpAddress address(const char* text) {
  const auto parsed = IpAddress::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

}  // namespace

TEST_CASE("addresses are written as RFC 5952 has it", "[base][ip_address]") {
  struct Row {
    const char* text;
    const char* canonical;
  };
  const Row rows[] = {
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"192.168.1.5", "192.168.1.5"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"0:0:0:0:0:0:0:1", "::1"},
      {"0000:0000:0000:0000:0000:0000:0000:0001", "::1"},
      {"2001:DB8::A", "2001:db8::a"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},  // the first of two equal runs
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},        // the longer of two
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // one group is no run
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"::ffff:10.0.0.1", "::ffff:a00:1"},
      {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
      {"fe80::1", "fe80::1"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const IpAddress parsed = address(row.text);
    CHECK(parsed.str() == row.canonical);
    CHECK(address(row.canonical) == parsed);
  }
}

TEST_CASE("what is nearly an address is none", "[base][ip_address]") {
  const char* const texts[] = {
      "",           ".",         "1",           "127.1",         "127.0.1",          "127.0.0.1.",      "127.0.0.1.1",
      "1.2.3.256",  "1.2.3.-1",  "1.2.3.+4",    "01.2.3.4",      "1.2.3.04",         "1.2.3.4 ",        " 1.2.3.4",
      "0x7f.0.0.1", "1.2.3.a",   "1..2.3",      "1.2.3.",        ".1.2.3",           "1.2.3.4444",      "1,2,3,4",
      ":",          ":::",       "1:",          ":1",            "1:2",              "1:2:3:4:5:6:7",   "1:2:3:4:5:6:7:8:9",
      "1::2::3",    "::1::",     "12345::",     "g::",           "1:2:3:4:5:6:7:8::", "1::2:3:4:5:6:7:8", "::1%1",
      "fe80::1%lo", "[::1]",     "::1.2.3",     "::1.2.3.4.5",   "::1.2.3.04",       "1.2.3.4::",       "::1.2.3.4:5",
      "::1/128",    "1.2.3.4/8", "::ffff:127.1", "1:2:3:4:5:6:7:1.2.3.4", "::-1",    "::+1",            "::0x1",
      "\xef\xbc\x91.0.0.1",  // a full-width 1
  };
  for (const char* text : texts) {
    INFO("'" << text << "'");
    CHECK_FALSE(IpAddress::parse(text));
  }
  CHECK_FALSE(IpAddress::parse(std::string_view{"1.2.3.4\0", 8}));
}

TEST_CASE("blocks", "[base][ip_address]") {
  const auto block = [](const char* base, unsigned prefix) { return IpBlock::of(address(base), prefix); };
  REQUIRE(block("192.168.1.0", 24));
  CHECK_FALSE(block("192.168.1.1", 24));
  CHECK_FALSE(block("192.168.1.0", 33));
  CHECK_FALSE(block("fd00::", 129));
  CHECK_FALSE(block("fd00::", 7));  // fd00 is 1111'1101'…
  CHECK(block("fc00::", 7));
  CHECK(block("0.0.0.0", 0)->contains(address("255.255.255.255")));
  CHECK_FALSE(block("0.0.0.0", 0)->contains(address("::")));  // families are two worlds
  CHECK_FALSE(block("::", 0)->contains(address("0.0.0.0")));
  CHECK(block("192.168.1.0", 24)->contains(address("192.168.1.255")));
  CHECK_FALSE(block("192.168.1.0", 24)->contains(address("192.168.2.0")));
  CHECK(block("10.128.0.0", 9)->contains(address("10.255.0.1")));
  CHECK_FALSE(block("10.128.0.0", 9)->contains(address("10.127.255.255")));
  CHECK(block("192.168.1.128", 25)->isWithin(*block("192.168.1.0", 24)));
  CHECK_FALSE(block("192.168.0.0", 16)->isWithin(*block("192.168.1.0", 24)));
  CHECK(block("fd00::", 8)->contains(address("fdff::1")));
  CHECK_FALSE(block("fd00::", 8)->contains(address("fe00::1")));
}

TEST_CASE("what an address would reach", "[base][ip_address]") {
  using K = AddressKind;
  struct Row {
    const char* text;
    K kind;
  };
  const Row rows[] = {
      {"1.1.1.1", K::ordinary},
      {"10.0.0.1", K::ordinary},
      {"172.16.0.1", K::ordinary},
      {"192.168.1.5", K::ordinary},
      {"100.64.0.1", K::ordinary},
      {"126.255.255.255", K::ordinary},
      {"128.0.0.0", K::ordinary},
      {"169.253.255.255", K::ordinary},
      {"169.255.0.0", K::ordinary},
      {"223.255.255.255", K::ordinary},
      {"240.0.0.1", K::ordinary},
      {"127.0.0.1", K::loopback},
      {"127.0.0.0", K::loopback},
      {"127.0.0.2", K::loopback},
      {"127.255.255.255", K::loopback},
      {"::1", K::loopback},
      {"0:0:0:0:0:0:0:1", K::loopback},
      {"0.0.0.0", K::unspecified},
      {"0.0.0.1", K::unspecified},
      {"0.255.255.255", K::unspecified},
      {"::", K::unspecified},
      {"0::0", K::unspecified},
      {"0:0:0:0:0:0:0:0", K::unspecified},
      {"::0.0.0.0", K::unspecified},
      {"169.254.0.0", K::linkLocal},
      {"169.254.1.1", K::linkLocal},
      {"169.254.255.255", K::linkLocal},
      {"fe80::", K::linkLocal},
      {"fe80::1", K::linkLocal},
      {"FE80::1", K::linkLocal},
      {"febf:ffff::1", K::linkLocal},
      {"fec0::1", K::linkLocal},
      {"224.0.0.0", K::multicast},
      {"224.0.0.251", K::multicast},
      {"239.255.255.250", K::multicast},
      {"ff00::", K::multicast},
      {"ff02::1", K::multicast},
      {"ff05::2", K::multicast},
      {"255.255.255.255", K::broadcast},
      {"169.254.169.254", K::metadata},
      {"169.254.170.2", K::metadata},
      {"169.254.170.23", K::metadata},
      {"169.254.0.23", K::metadata},
      {"169.254.42.42", K::metadata},
      {"100.100.100.200", K::metadata},
      {"168.63.129.16", K::metadata},
      {"192.0.0.192", K::metadata},
      {"fd00:ec2::254", K::metadata},
      {"fd00:0ec2:0:0:0:0:0:254", K::metadata},
      {"fd00:ec2::23", K::metadata},
      {"fd20:ce::254", K::metadata},
      {"fd00:c1::a9fe:a9fe", K::metadata},
      {"fd00:c1::169.254.169.254", K::metadata},
      {"fd00:42::42", K::metadata},
      {"fd00:a9fe:a9fe::1", K::metadata},
      {"fe80::a9fe:a9fe", K::metadata},
      {"::ffff:127.0.0.1", K::embedded},
      {"::ffff:7f00:1", K::embedded},
      {"::FFFF:7F00:0001", K::embedded},
      {"0:0:0:0:0:ffff:127.0.0.1", K::embedded},
      {"::ffff:10.0.0.1", K::embedded},  // mapped: always, there is a plain spelling
      {"::ffff:0.0.0.0", K::embedded},
      {"::ffff:169.254.169.254", K::embedded},
      {"::127.0.0.1", K::embedded},
      {"::7f00:1", K::embedded},
      {"::2", K::embedded},
      {"::10.0.0.1", K::embedded},
      {"::ffff:0:127.0.0.1", K::embedded},
      {"::ffff:0:a00:1", K::embedded},
      {"64:ff9b::127.0.0.1", K::embedded},
      {"64:ff9b::7f00:1", K::embedded},
      {"64:ff9b::169.254.169.254", K::embedded},
      {"64:ff9b::a9fe:a9fe", K::embedded},
      {"64:ff9b::100.100.100.200", K::embedded},
      {"64:ff9b::0.0.0.0", K::embedded},
      {"64:ff9b::224.0.0.1", K::embedded},
      {"64:ff9b::1.1.1.1", K::ordinary},  // what DNS64 answers for the rest of the world
      {"64:ff9b:1::1.1.1.1", K::embedded},
      {"64:ff9b:1:ffff::", K::embedded},
      {"64:ff9b:2::1", K::ordinary},
      {"2002:7f00:1::", K::embedded},
      {"2002:7f00:0001::1", K::embedded},
      {"2002:a9fe:a9fe::1", K::embedded},
      {"2002::1", K::embedded},
      {"2002:e000:1::", K::embedded},
      {"2002:101:101::1", K::ordinary},
      {"2001:0:7f00:1::", K::embedded},                  // Teredo: its server
      {"2001:0:101:101:0:0:80ff:fffe", K::embedded},     // its client, 127.0.0.1 with all bits turned
      {"2001:0:101:101:0:0:5601:5601", K::embedded},     // 169.254.169.254
      {"2001:0:101:101:0:0:f7f7:f7f7", K::ordinary},     // 8.8.8.8
      {"2001:db8::5efe:7f00:1", K::embedded},            // ISATAP
      {"2001:db8::200:5efe:127.0.0.1", K::embedded},
      {"2001:db8::5efe:a9fe:a9fe", K::embedded},
      {"2001:db8::5efe:808:808", K::ordinary},
      {"2001:db8::1", K::ordinary},
      {"2606:4700::1111", K::ordinary},
      {"fd00::2", K::ordinary},
      {"fd00:ec3::254", K::ordinary},
      {"fc00::1", K::ordinary},
  };
  CHECK(std::size(rows) >= 60);
  for (const Row& row : rows) {
    INFO(row.text << " should be " << describe(row.kind) << " and is " << describe(kindOf(address(row.text))));
    CHECK(kindOf(address(row.text)) == row.kind);
  }
}

TEST_CASE("a block has a kind if all of it has", "[base][ip_address]") {
  const auto kind = [](const char* base, unsigned prefix) { return kindOf(IpBlock{address(base), prefix}); };
  CHECK(kind("0.0.0.0", 0) == AddressKind::ordinary);
  CHECK(kind("::", 0) == AddressKind::ordinary);
  CHECK(kind("127.0.0.0", 8) == AddressKind::loopback);
  CHECK(kind("126.0.0.0", 7) == AddressKind::ordinary);
  CHECK(kind("169.254.0.0", 16) == AddressKind::linkLocal);
  CHECK(kind("169.254.169.0", 24) == AddressKind::linkLocal);
  CHECK(kind("232.0.0.0", 8) == AddressKind::multicast);
  CHECK(kind("fe80::", 64) == AddressKind::linkLocal);
  CHECK(kind("::ffff:0:0", 96) == AddressKind::embedded);
  CHECK(kind("fd00:ec2::", 64) == AddressKind::metadata);
  CHECK(kind("fd00::", 8) == AddressKind::ordinary);
}

TEST_CASE("only ordinary addresses and loopback may ever be dialled", "[base][ip_address]") {
  for (const AddressKind kind : {AddressKind::unspecified, AddressKind::linkLocal, AddressKind::multicast,
                                 AddressKind::broadcast, AddressKind::metadata, AddressKind::embedded}) {
    CHECK(isForbidden(kind));
    CHECK(std::string{describe(kind)}.size() > 5);
  }
  CHECK_FALSE(isForbidden(AddressKind::ordinary));
  CHECK_FALSE(isForbidden(AddressKind::loopback));
}
