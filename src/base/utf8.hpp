// UTF-8 as RFC 3629 has it (section 4): what a WebSocket text and a log line must be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chuantou {

/// A character and how many bytes it has; length 0: the bytes at the front are none.
struct Utf8Char {
  std::size_t length = 0;
  std::uint32_t code = 0;
};

inline Utf8Char firstUtf8(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0u; };
  const std::uint32_t lead = at(0);
  if (text.empty()) return {};
  if (lead < 0x80) return {1, lead};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  std::uint32_t code = lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (at(i) & 0x3f);
  }
  static constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (lead < 0xc2 || lead > 0xf4 || code < kLeast[length] || code > 0x10ffff || surrogate) return {};
  return {length, code};
}

inline bool isUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = firstUtf8(text).length;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// The text with a question mark for each byte that belongs to no character.
inline std::string toUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = firstUtf8(text).length;
    out += length == 0 ? std::string_view{"?"} : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

/// At most `limit` bytes from the front, not ending inside a character.
inline std::string_view cutUtf8(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace chuantou
