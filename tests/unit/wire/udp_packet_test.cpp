#include "wire/udp_packet.hpp"

#include <catch2/catch.hpp>

#include "support/bytes.hpp"
#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using test::bytes;

TEST_CASE("relay packets", "[wire][udp]") {
  struct Row {
    const char* bytes;  ///< session | length | payload
    bool good;
    std::uint32_t session;
    bool fragment;
    std::size_t payload;
  };
  const Row rows[] = {
      {"80 00 00 02 | 00 00 |", true, 0x80000002, false, 0},
      {"80 00 00 02 | 00 03 | 61 62 63", true, 0x80000002, false, 3},
      {"9f ff ff ff | 00 01 | 61", true, 0x9fffffff, false, 1},
      {"a0 00 00 02 | 00 01 | 61", true, 0x80000002, true, 1},
      {"bf ff ff ff | 00 01 | 61", true, 0x9fffffff, true, 1},
      {"80 00 00 00 | 00 01 | 02", true, 0x80000000, false, 1},
      // Another top of the session's number: STUN, QUIC and others.
      {"00 00 00 02 | 00 01 | 61", false, 0, false, 0},
      {"7f ff ff ff | 00 01 | 61", false, 0, false, 0},
      {"c0 00 00 02 | 00 01 | 61", false, 0, false, 0},
      {"ff ff ff ff | 00 01 | 61", false, 0, false, 0},
      {"40 00 00 00 | 00 01 | 61", false, 0, false, 0},
      // A length that is not the payload's.
      {"80 00 00 02 | 00 02 | 61", false, 0, false, 0},
      {"80 00 00 02 | 00 00 | 61", false, 0, false, 0},
      {"80 00 00 02 | ff ff | 61", false, 0, false, 0},
      {"80 00 00 02 | 00 01 |", false, 0, false, 0},
      // Not even a header.
      {"", false, 0, false, 0},
      {"80", false, 0, false, 0},
      {"80 00 00 02 00", false, 0, false, 0},
  };
  for (const Row& row : rows) {
    INFO(row.bytes);
    const auto datagram = bytes(row.bytes);
    const auto packet = decodeUdpPacket(datagram);
    REQUIRE(packet.has_value() == row.good);
    if (!packet) continue;
    CHECK(static_cast<std::uint32_t>(packet->session) == row.session);
    CHECK(packet->fragment == row.fragment);
    CHECK(packet->payload.size() == row.payload);
    std::vector<std::uint8_t> again(kUdpHeaderSize);
    encodeUdpHeader(std::span{again}.first<kUdpHeaderSize>(), packet->session, packet->fragment,
                    packet->payload.size());
    again.insert(again.end(), packet->payload.begin(), packet->payload.end());
    CHECK(again == datagram);
  }
}

TEST_CASE("the longest payload of a packet", "[wire][udp]") {
  for (const std::size_t size : {kMaxWholePayload, std::size_t{65'501}, std::size_t{65'535}}) {
    std::vector<std::uint8_t> datagram(kUdpHeaderSize + size);
    encodeUdpHeader(std::span{datagram}.first<kUdpHeaderSize>(), UdpSession{0x80000002}, false, size);
    const auto packet = decodeUdpPacket(datagram);
    REQUIRE(packet);
    CHECK(packet->payload.size() == size);
    datagram.push_back(0);
    CHECK_FALSE(decodeUdpPacket(datagram));
  }
  CHECK(kUdpHeaderSize + kMaxWholePayload <= kMaxDatagram);
}

TEST_CASE("the two numbers of a session", "[wire][udp]") {
  for (const std::uint32_t number : {0x80000002u, 0x80000003u, 0x9ffffffeu, 0x9fffffffu, 0x8abcdef0u}) {
    const UdpSession mine{number};
    CHECK(peerOf(mine) != mine);
    CHECK(peerOf(peerOf(mine)) == mine);
    CHECK((static_cast<std::uint32_t>(peerOf(mine)) ^ number) == 1);
  }
}

TEST_CASE("bind and bound, byte for byte", "[wire][udp]") {
  const auto key = *DataKey::parse("000102030405060708090a0b0c0d0e0f");
  const auto bind = encodeBind({UdpSession{0x80000002}, key});
  CHECK(toHex(bind) ==
        toHex(bytes("80 00 00 00 | 00 15 | 01 | 80 00 00 02 | 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f")));
  CHECK(bind.size() == 27);
  const auto packet = decodeUdpPacket(bind);
  REQUIRE(packet);
  CHECK(packet->session == kUdpControl);
  const auto back = decodeBind(packet->payload);
  REQUIRE(back);
  CHECK(back->session == UdpSession{0x80000002});
  CHECK(back->key == key);
  CHECK_FALSE(decodeBound(packet->payload));

  const auto bound = encodeBound(UdpSession{0x9fffffff});
  CHECK(toHex(bound) == toHex(bytes("80 00 00 00 | 00 05 | 02 | 9f ff ff ff")));
  CHECK(bound.size() == 11);
  const auto answer = decodeUdpPacket(bound);
  REQUIRE(answer);
  CHECK(decodeBound(answer->payload) == UdpSession{0x9fffffff});
  CHECK_FALSE(decodeBind(answer->payload));
}

TEST_CASE("binds of a wrong length or kind", "[wire][udp]") {
  const auto whole = encodeBind({UdpSession{0x80000002}, {}});
  const auto payload = std::span{whole}.subspan(kUdpHeaderSize);
  for (std::size_t n = 0; n < payload.size(); ++n) CHECK_FALSE(decodeBind(payload.first(n)));
  std::vector<std::uint8_t> other(payload.begin(), payload.end());
  other.push_back(0);
  CHECK_FALSE(decodeBind(other));
  other.pop_back();
  for (const int type : {0, 2, 3, 255}) {
    other[0] = static_cast<std::uint8_t>(type);
    CHECK_FALSE(decodeBind(other));
  }
  for (const char* bad : {"", "02", "02 80 00 00", "02 80 00 00 02 00", "01 80 00 00 02", "00 80 00 00 02"}) {
    CHECK_FALSE(decodeBound(bytes(bad)));
  }
}

TEST_CASE("random datagrams never confuse the decoder", "[wire][udp]") {
  test::SeededRandom random{test::testSeed("udp packet")};
  for (int i = 0; i < 100'000; ++i) {
    std::vector<std::uint8_t> datagram(random.below(40));
    random.fill(datagram);
    const auto packet = decodeUdpPacket(datagram);
    if (!packet) continue;
    const auto number = static_cast<std::uint32_t>(packet->session);
    if (number >> 29 != 4 || packet->payload.size() + kUdpHeaderSize != datagram.size()) FAIL(toHex(datagram));
  }
}
