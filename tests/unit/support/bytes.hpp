// Byte vectors as a person writes them.
#pragma once

#include <catch2/catch.hpp>
#include <string_view>
#include <vector>

#include "base/hex.hpp"

namespace chuantou::test {

/// "FD 01 0a" -> {0xfd, 0x01, 0x0a}.
inline std::vector<std::uint8_t> bytes(std::string_view spaced) {
  std::string digits;
  for (const char c : spaced) {
    if (c != ' ' && c != '|') digits += c;
  }
  std::vector<std::uint8_t> out(digits.size() / 2);
  REQUIRE(fromHex(digits, out));
  return out;
}

inline std::vector<std::uint8_t> bytesOf(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace chuantou::test
