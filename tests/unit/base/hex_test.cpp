#include "base/hex.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "base/bytes.hpp"

using namespace chuantou;

TEST_CASE("hexadecimal digits both ways", "[base][hex]") {
  struct Row {
    std::vector<std::uint8_t> bytes;
    const char* text;
  };
  const Row rows[] = {
      {{}, ""}, {{0x00}, "00"}, {{0xff}, "ff"}, {{0x0f, 0xf0}, "0ff0"}, {{0xde, 0xad, 0xbe, 0xef}, "deadbeef"},
  };
  for (const Row& row : rows) {
    CHECK(toHex(row.bytes) == row.text);
    std::vector<std::uint8_t> back(row.bytes.size());
    CHECK(fromHex(row.text, back));
    CHECK(back == row.bytes);
  }
  std::array<std::uint8_t, 256> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);
  std::array<std::uint8_t, 256> back{};
  CHECK(fromHex(toHex(all), back));
  CHECK(back == all);
}

TEST_CASE("upper-case digits are read too", "[base][hex]") {
  std::array<std::uint8_t, 2> out{};
  CHECK(fromHex("AbCd", out));
  CHECK(out == std::array<std::uint8_t, 2>{0xab, 0xcd});
}

TEST_CASE("what is not exactly the digits is refused", "[base][hex]") {
  for (const char* bad : {"", "a", "ab", "abc", "abcde", "abcdef", "abcg", "gbcd", "ab d", "+bcd", "0x12", "ab\ncd",
                          "::::", "@@@@", "``ab"}) {
    INFO(bad);
    std::array<std::uint8_t, 2> out{};
    CHECK_FALSE(fromHex(bad, out));
  }
}

TEST_CASE("numbers are big-endian", "[base][bytes]") {
  std::array<std::uint8_t, 4> out{};
  storeU32(out.data(), 0x80010203u);
  CHECK(out == std::array<std::uint8_t, 4>{0x80, 0x01, 0x02, 0x03});
  CHECK(loadU32(out.data()) == 0x80010203u);
  storeU16(out.data(), 0xfffe);
  CHECK(out[0] == 0xff);
  CHECK(out[1] == 0xfe);
  CHECK(loadU16(out.data()) == 0xfffe);
  for (std::uint32_t value = 0; value <= 0xffff; ++value) {
    storeU16(out.data(), static_cast<std::uint16_t>(value));
    if (loadU16(out.data()) != value) FAIL(value);
  }
}
