#include "nat/pcp_message.hpp"

#include <catch2/catch.hpp>

#include "support/bytes.hpp"
#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::nat;
using test::bytes;

namespace {

const IpAddress kClient = *IpAddress::parse("192.168.1.10");
constexpr const char* kNonce = "01 02 03 04 05 06 07 08 09 0a 0b 0c";

PcpNonce nonce() {
  PcpNonce out{};
  const auto from = bytes(kNonce);
  std::copy(from.begin(), from.end(), out.begin());
  return out;
}

std::vector<std::uint8_t> reply(const std::string& head, const std::string& body = "") { return bytes(head + body); }

/// version | R, opcode | reserved | result | lifetime | epoch | reserved (12)
constexpr const char* kZeros12 = " 00 00 00 00 00 00 00 00 00 00 00 00 ";
/// nonce | protocol | reserved | internal port | external port | external address
constexpr const char* kMapUdp =
    " 01 02 03 04 05 06 07 08 09 0a 0b 0c 11 00 00 00 1b 59 1b 5a 00 00 00 00 00 00 00 00 00 00 ff ff c6 33 64 01";

}  // namespace

TEST_CASE("PCP requests, byte for byte", "[nat][pcp]") {
  CHECK(toHex(encodePcpAnnounce(kClient)) ==
        toHex(bytes("02 | 00 | 00 00 | 00 00 00 00 | 00 00 00 00 00 00 00 00 00 00 ff ff c0 a8 01 0a")));

  PcpMap map{nonce(), Transport::udp, 7001, {{}, 7001}};
  CHECK(toHex(encodePcpMap(map, std::chrono::seconds{600}, kClient)) ==
        toHex(bytes(std::string{"02 | 01 | 00 00 | 00 00 02 58 | 00 00 00 00 00 00 00 00 00 00 ff ff c0 a8 01 0a |"} +
                    kNonce + "| 11 | 00 00 00 | 1b 59 | 1b 59 | 00 00 00 00 00 00 00 00 00 00 ff ff 00 00 00 00")));

  map.transport = Transport::tcp;
  map.external = {*IpAddress::parse("2001:db8::1"), 80};
  const auto removal = encodePcpMap(map, std::chrono::seconds{0}, *IpAddress::parse("2001:db8::2"));
  CHECK(toHex(removal) ==
        toHex(bytes(std::string{"02 | 01 | 00 00 | 00 00 00 00 | 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02 |"} +
                    kNonce + "| 06 | 00 00 00 | 1b 59 | 00 50 | 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01")));
}

TEST_CASE("PCP replies", "[nat][pcp]") {
  const auto granted = decodePcpReply(reply(std::string{"02 81 00 00 00 00 02 58 00 00 01 00"} + kZeros12, kMapUdp));
  REQUIRE(granted);
  CHECK(granted->result == PcpResult::success);
  CHECK(granted->lifetime == std::chrono::seconds{600});
  CHECK(granted->epoch == 256);
  CHECK(granted->map == PcpMap{nonce(), Transport::udp, 7001, {*IpAddress::parse("198.51.100.1"), 7002}});

  const auto refused = decodePcpReply(reply(std::string{"02 81 00 02 00 00 07 08 00 00 01 00"} + kZeros12, kMapUdp));
  REQUIRE(refused);
  CHECK(refused->result == PcpResult::notAuthorized);
  CHECK(refused->lifetime == std::chrono::seconds{1800});
  CHECK(refused->map.has_value());

  const auto announced = decodePcpReply(reply(std::string{"02 80 00 00 00 00 00 00 ff ff ff ff"} + kZeros12));
  REQUIRE(announced);
  CHECK(announced->epoch == 0xffffffff);
  CHECK_FALSE(announced->map);

  // Options may follow; an IPv6 address outside.
  const auto more = decodePcpReply(reply(std::string{"02 81 00 00 00 00 02 58 00 00 01 00"} + kZeros12,
                                         "01 02 03 04 05 06 07 08 09 0a 0b 0c 06 00 00 00 00 50 01 bb"
                                         "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 | 80 00 00 00"));
  REQUIRE((more && more->map));
  CHECK(more->map->transport == Transport::tcp);
  CHECK(more->map->external.address == *IpAddress::parse("2001:db8::1"));
}

TEST_CASE("what is no PCP reply", "[nat][pcp]") {
  const std::string head = "02 81 00 00 00 00 02 58 00 00 01 00";
  const auto whole = reply(head + kZeros12, kMapUdp);
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(decodePcpReply(std::span{whole}.first(size)));
  for (const char* bad : {
           "01 81 00 00 00 00 02 58 00 00 01 00",  // version 1
           "00 81 00 00 00 00 02 58 00 00 01 00",  // NAT-PMP
           "02 01 00 00 00 00 02 58 00 00 01 00",  // a request
           "02 82 00 00 00 00 02 58 00 00 01 00",  // PEER
           "02 ff 00 00 00 00 02 58 00 00 01 00",
       }) {
    INFO(bad);
    CHECK_FALSE(decodePcpReply(reply(std::string{bad} + kZeros12, kMapUdp)));
  }
  auto other = whole;
  other[24 + 12] = 1;  // ICMP
  CHECK_FALSE(decodePcpReply(other));
  other = whole;
  other.push_back(0);  // no multiple of four
  CHECK_FALSE(decodePcpReply(other));
  other = whole;
  other.resize(kMaxPcpMessage + 4);
  CHECK_FALSE(decodePcpReply(other));
  other.resize(kMaxPcpMessage);
  CHECK(decodePcpReply(other));
}
