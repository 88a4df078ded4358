// Bytes as lower-case hexadecimal digits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace chuantou {

std::string toHex(std::span<const std::uint8_t> bytes);
/// False when `text` is not exactly 2 × out.size() hexadecimal digits (either case).
bool fromHex(std::string_view text, std::span<std::uint8_t> out);

}  // namespace chuantou
