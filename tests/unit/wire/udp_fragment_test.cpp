#include "wire/udp_fragment.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "support/bytes.hpp"
#include "support/seeded_random.hpp"
#include "wire/udp_packet.hpp"

using namespace chuantou;
using namespace chuantou::wire;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes datagramOf(std::size_t size, std::uint64_t seed = 1) {
  Bytes out(size);
  test::SeededRandom{seed}.fill(out);
  return out;
}

/// A fragment as nobody's splitDatagram makes it.
Bytes fragment(unsigned id, std::size_t total, std::size_t offset, std::size_t size, std::uint8_t fill = 0xee) {
  Bytes out(kFragmentHeaderSize + size, fill);
  const std::size_t numbers[] = {id, total, offset};
  for (std::size_t i = 0; i < 3; ++i) {
    out[2 * i] = static_cast<std::uint8_t>(numbers[i] >> 8);
    out[2 * i + 1] = static_cast<std::uint8_t>(numbers[i]);
  }
  return out;
}

bool same(const std::optional<std::span<const std::uint8_t>>& got, const Bytes& expected) {
  return got && std::equal(got->begin(), got->end(), expected.begin(), expected.end());
}

}  // namespace

TEST_CASE("datagrams of every interesting size, in both orders", "[wire][fragment]") {
  std::vector<std::size_t> sizes{1, 2, 47'999, 48'000, 48'001, 65'001, 65'499, 65'500, 65'501, 65'506, 65'507};
  for (std::size_t size = 65'001; size <= kMaxDatagram; size += 23) sizes.push_back(size);
  for (const std::size_t size : sizes) {
    INFO("size " << size);
    const Bytes datagram = datagramOf(size);
    auto parts = splitDatagram(datagram, 7);
    REQUIRE(parts.size() == (size > kFragmentBytes ? 2 : 1));
    for (const Bytes& part : parts) CHECK(kUdpHeaderSize + part.size() <= kMaxWholePayload);
    for (int order = 0; order < 2; ++order) {
      Reassembly reassembly;
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) CHECK_FALSE(reassembly.add(parts[i]));
      CHECK(same(reassembly.add(parts.back()), datagram));
      std::reverse(parts.begin(), parts.end());
    }
  }
  CHECK(splitDatagram({}, 1).empty());
}

TEST_CASE("a fragment's layout", "[wire][fragment]") {
  const auto parts = splitDatagram(datagramOf(65'507), 0x1234);
  CHECK(toHex(std::span{parts[0]}.first(6)) == toHex(test::bytes("12 34 | ff e3 | 00 00")));
  CHECK(toHex(std::span{parts[1]}.first(6)) == toHex(test::bytes("12 34 | ff e3 | bb 80")));
}

TEST_CASE("duplicates and what is late", "[wire][fragment]") {
  const Bytes one = datagramOf(65'507, 1);
  const Bytes two = datagramOf(65'507, 2);
  const auto a = splitDatagram(one, 1);
  const auto b = splitDatagram(two, 2);
  Reassembly reassembly;
  CHECK_FALSE(reassembly.add(a[0]));
  CHECK_FALSE(reassembly.add(a[0]));
  CHECK(same(reassembly.add(a[1]), one));
  CHECK_FALSE(reassembly.add(a[1]));  // late; one half is no datagram
  CHECK_FALSE(reassembly.add(b[0]));  // the newer id drops it
  CHECK(same(reassembly.add(b[1]), two));
  // The halves of two datagrams never make one.
  CHECK_FALSE(reassembly.add(a[0]));
  CHECK_FALSE(reassembly.add(b[1]));
  CHECK_FALSE(reassembly.add(a[1]));
  CHECK(same(reassembly.add(a[0]), one));
}

TEST_CASE("an id that comes again with another size begins anew", "[wire][fragment]") {
  Reassembly reassembly;
  const auto first = splitDatagram(datagramOf(65'001, 1), 9);
  const Bytes other = datagramOf(65'002, 2);
  const auto second = splitDatagram(other, 9);
  CHECK_FALSE(reassembly.add(first[0]));
  CHECK_FALSE(reassembly.add(second[1]));
  CHECK(same(reassembly.add(second[0]), other));
}

TEST_CASE("fragments that overlap, overrun or hold nothing are dropped", "[wire][fragment]") {
  const Bytes datagram = datagramOf(65'507);
  const auto parts = splitDatagram(datagram, 5);
  const Bytes bad[] = {
      {},
      Bytes(kFragmentHeaderSize),
      Bytes(kFragmentHeaderSize - 1, 0xff),
      fragment(5, 0, 0, 1),
      fragment(5, 65'507, 0, 0),
      fragment(5, 65'507, 0, 47'999),       // too short for its place
      fragment(5, 65'507, 0, 48'001),       // overlaps the second
      fragment(5, 65'507, 1, 48'000),       // not at a cut
      fragment(5, 65'507, 47'999, 17'508),  // overlaps the first
      fragment(5, 65'507, 48'000, 17'506),  // leaves a byte out
      fragment(5, 65'507, 48'000, 17'508),  // runs over the end
      fragment(5, 65'507, 65'507, 1),       // begins at the end
      fragment(5, 65'532, 0, 48'000),       // longer than a datagram can be, sealed
      fragment(5, 65'535, 48'000, 17'535),
      fragment(5, 100, 48'000, 100),
      fragment(5, 48'000, 48'000, 1),
  };
  Reassembly reassembly;
  CHECK_FALSE(reassembly.add(parts[0]));
  for (const Bytes& fragmentBytes : bad) {
    INFO(toHex(std::span{fragmentBytes}.first(std::min<std::size_t>(fragmentBytes.size(), 6))));
    CHECK_FALSE(reassembly.add(fragmentBytes));
  }
  CHECK(same(reassembly.add(parts[1]), datagram));  // none of them did any harm
}

TEST_CASE("shuffled and repeated fragments of many datagrams", "[wire][fragment]") {
  test::SeededRandom random{test::testSeed("fragments")};
  Reassembly reassembly;
  int whole = 0;
  for (int i = 0; i < 500; ++i) {
    const Bytes datagram = datagramOf(1 + random.below(kMaxDatagram), random.next());
    const auto parts = splitDatagram(datagram, static_cast<std::uint16_t>(i));
    for (int copy = 0; copy < 4; ++copy) {
      const auto got = reassembly.add(parts[random.below(parts.size())]);
      if (!got) continue;
      ++whole;
      if (!same(got, datagram)) FAIL("datagram " << i);
    }
  }
  CHECK(whole > 100);
}
