// FINGERPRINT (RFC 8489, section 14.7): the CRC-32 of ITU V.42, with a mark so that no other protocol's CRC fits.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace chuantou::stun {

namespace detail {
inline constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0xedb8'8320 : value >> 1;
    table[i] = value;
  }
  return table;
}();
}  // namespace detail

/// Of the message up to the attribute, whose length already counts it.
constexpr std::uint32_t fingerprintOf(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = 0xffff'ffff;
  for (const std::uint8_t byte : bytes) crc = crc >> 8 ^ detail::kCrcTable[(crc ^ byte) & 0xff];
  return ~crc ^ 0x5354'554e;  // "STUN"
}

}  // namespace chuantou::stun
