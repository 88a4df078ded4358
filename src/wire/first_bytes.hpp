// What a connection to the server's port is, by its first bytes (docs/PROTOCOL.md, section 1).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "base/ids.hpp"

namespace chuantou::wire {

/// The data channel's preface: FD 01 and the key.
inline constexpr std::size_t kPrefaceSize = 18;
inline constexpr std::uint8_t kPrefaceMagic[2] = {0xfd, 0x01};

enum class FirstBytes { more, http, data, tls, garbage };

/// Decides as soon as it can: one byte is enough for HTTP (an upper-case letter) and to refuse garbage.
inline FirstBytes classify(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return FirstBytes::more;
  if (bytes[0] >= 'A' && bytes[0] <= 'Z') return FirstBytes::http;
  const std::uint8_t second = bytes[0] == kPrefaceMagic[0] ? kPrefaceMagic[1] : 0x03;
  if (bytes[0] != kPrefaceMagic[0] && bytes[0] != 0x16) return FirstBytes::garbage;
  if (bytes.size() < 2) return FirstBytes::more;
  if (bytes[1] != second) return FirstBytes::garbage;
  return bytes[0] == 0x16 ? FirstBytes::tls : FirstBytes::data;
}

inline std::array<std::uint8_t, kPrefaceSize> encodePreface(const DataKey& key) {
  std::array<std::uint8_t, kPrefaceSize> out{};
  out[0] = kPrefaceMagic[0];
  out[1] = kPrefaceMagic[1];
  std::copy(key.bytes.begin(), key.bytes.end(), out.begin() + 2);
  return out;
}

/// Of kPrefaceSize bytes that classify() called `data`.
inline DataKey decodePreface(std::span<const std::uint8_t, kPrefaceSize> bytes) {
  DataKey key;
  std::copy(bytes.begin() + 2, bytes.end(), key.bytes.begin());
  return key;
}

}  // namespace chuantou::wire
