#include "nat/nat_pmp_message.hpp"

#include <catch2/catch.hpp>

#include "support/bytes.hpp"

using namespace chuantou;
using namespace chuantou::nat;
using std::chrono::seconds;
using test::bytes;

TEST_CASE("NAT-PMP requests, byte for byte", "[nat][natpmp]") {
  CHECK(toHex(encodeNatPmpAddress()) == "0000");
  CHECK(toHex(encodeNatPmpMap({Transport::udp, 7001, 7002, seconds{3600}})) ==
        toHex(bytes("00 | 01 | 00 00 | 1b 59 | 1b 5a | 00 00 0e 10")));
  CHECK(toHex(encodeNatPmpMap({Transport::tcp, 22, 0, seconds{0}})) ==
        toHex(bytes("00 | 02 | 00 00 | 00 16 | 00 00 | 00 00 00 00")));
}

TEST_CASE("NAT-PMP replies", "[nat][natpmp]") {
  const auto address = decodeNatPmpReply(bytes("00 80 | 00 00 | 00 00 10 00 | c6 33 64 01"));
  REQUIRE(address);
  CHECK(address->result == NatPmpResult::success);
  CHECK(address->epoch == 4096);
  CHECK(address->address == IpAddress::parse("198.51.100.1"));
  CHECK_FALSE(address->map);

  const auto map = decodeNatPmpReply(bytes("00 81 | 00 00 | 00 00 00 05 | 1b 59 | 1b 5a | 00 00 0e 10"));
  REQUIRE(map);
  CHECK(map->map == NatPmpMap{Transport::udp, 7001, 7002, seconds{3600}});
  CHECK_FALSE(map->address);
  const auto tcp = decodeNatPmpReply(bytes("00 82 | 00 00 | 00 00 00 05 | 00 16 | 00 17 | 00 00 00 00"));
  REQUIRE((tcp && tcp->map));
  CHECK(tcp->map->transport == Transport::tcp);

  // Refusals, whole and cut off; what PCP is answered by a gateway that knows NAT-PMP only.
  const auto refused = decodeNatPmpReply(bytes("00 82 | 00 02 | 00 00 00 05 | 00 16 | 00 00 | 00 00 00 00"));
  REQUIRE(refused);
  CHECK(refused->result == NatPmpResult::notAuthorized);
  CHECK(refused->map.has_value());
  const auto shortRefusal = decodeNatPmpReply(bytes("00 82 | 00 03 | 00 00 00 05"));
  REQUIRE(shortRefusal);
  CHECK_FALSE(shortRefusal->map);
  const auto version = decodeNatPmpReply(bytes("00 80 | 00 01 | 00 00 00 05"));
  REQUIRE(version);
  CHECK(version->result == NatPmpResult::unsupportedVersion);
  CHECK_FALSE(version->address);
}

TEST_CASE("what is no NAT-PMP reply", "[nat][natpmp]") {
  for (const char* bad : {
           "",
           "00",
           "00 80",
           "00 80 00 00 00 00 00",
           "00 80 | 00 00 | 00 00 00 05",                  // an address without one
           "00 81 | 00 00 | 00 00 00 05 | 1b 59 | 1b 5a",  // a grant without a lifetime
           "00 01 | 00 00 | 1b 59 | 1b 5a | 00 00 0e 10",  // a request
           "00 83 | 00 00 | 00 00 00 05 | 1b 59 | 1b 5a | 00 00 00 01",
           "02 81 | 00 00 | 00 00 00 05 | 1b 59 | 1b 5a | 00 00 00 01",
           "00 81 | 00 00 | 00 00 00 05 | 1b 59 | 1b 5a | 00 00 00 01 00",
       }) {
    INFO(bad);
    CHECK_FALSE(decodeNatPmpReply(bytes(bad)));
  }
}
