#include "base/utf8.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;

TEST_CASE("every code point in its shortest form, and no other", "[base][utf8]") {
  const auto encode = [](std::uint32_t c, std::size_t length) {
    std::string out(length, '\0');
    for (std::size_t i = length; i-- > 1; c >>= 6) out[i] = static_cast<char>(0x80 | (c & 0x3f));
    out[0] = static_cast<char>(length == 1 ? c : (0xf00u >> length & 0xffu) | c);
    return out;
  };
  const std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000, 0x200000};
  for (std::size_t length = 1; length <= 4; ++length) {
    for (std::uint32_t c = 0; c < (length == 1 ? 0x80u : least[length + 1]); ++c) {
      const bool good = c >= least[length] && (c < 0xd800 || c > 0xdfff) && c <= 0x10ffff;
      const Utf8Char got = firstUtf8(encode(c, length) + "x");
      if (got.length != (good ? length : 0) || (good && got.code != c)) FAIL("U+" << std::hex << c << " in " << length);
    }
  }
}

TEST_CASE("texts that are UTF-8, and others made so", "[base][utf8]") {
  struct Row {
    std::string_view in;
    bool good;
    std::string_view shown;
  };
  const Row rows[] = {
      {"", true, ""},
      {"abc é 界 😀", true, "abc é 界 😀"},
      {std::string_view{"a\0b", 3}, true, std::string_view{"a\0b", 3}},
      {"\xff", false, "?"},
      {"caf\xe9", false, "caf?"},
      {"\xe5\xae", false, "??"},
      {"\xc3(", false, "?("},
      {"\xed\xb0\x80z", false, "???z"},
      {"\xf9\x80\x80\x80", false, "????"},
  };
  for (const Row& row : rows) {
    CHECK(isUtf8(row.in) == row.good);
    CHECK(toUtf8(row.in) == row.shown);
    CHECK(isUtf8(toUtf8(row.in)));
  }
}

TEST_CASE("cuts fall between characters", "[base][utf8]") {
  const std::string_view text = "aé界😀";  // 1 + 2 + 3 + 4 bytes
  const std::size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (std::size_t limit = 0; limit < std::size(kept); ++limit)
    CHECK(cutUtf8(text, limit) == text.substr(0, kept[limit]));
}
