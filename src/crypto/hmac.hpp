// HMAC (RFC 2104).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace chuantou::crypto {

using HmacSha1 = std::array<std::uint8_t, 20>;
using HmacSha256 = std::array<std::uint8_t, 32>;

HmacSha1 hmacSha1(std::span<const std::uint8_t> key, std::span<const std::uint8_t> message);
HmacSha256 hmacSha256(std::span<const std::uint8_t> key, std::span<const std::uint8_t> message);
/// In constant time; false when the lengths differ.
bool sameMac(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b);

}  // namespace chuantou::crypto
