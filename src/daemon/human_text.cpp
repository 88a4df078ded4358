#include "daemon/human_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace chuantou::daemon {

namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// The blocks of Unicode's EastAsianWidth that are wide or full-width throughout; enough for names and our sentences.
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},  {0x3041, 0x33FF}, {0x3400, 0x4DBF},
                           {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},  {0xAC00, 0xD7A3}, {0xF900, 0xFAFF},
                           {0xFE30, 0xFE4F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
                           {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
constexpr Range kZero[] = {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};

bool within(std::uint32_t c, const Range* begin, const Range* end) {
  return std::any_of(begin, end, [c](const Range& r) { return c >= r.first && c <= r.last; });
}

/// The next character; a broken byte is one character.
std::uint32_t decode(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  std::uint32_t c = more == 0 ? lead : lead & (0x3FU >> more);
  for (std::size_t i = 0; i < more && at < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if ((byte & 0xC0U) != 0x80U) break;
    c = c << 6 | (byte & 0x3FU);
    ++at;
  }
  return c;
}

}  // namespace

std::string humanDuration(std::chrono::milliseconds duration) {
  const auto ms = std::max<std::int64_t>(duration.count(), 0);
  const std::int64_t s = ms / 1000;
  if (s < 10) return fmt::format("{:.1f} s", static_cast<double>(ms / 100) / 10.0);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} m {} s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{} h {} m", s / 3600, s % 3600 / 60);
  return fmt::format("{} d {} h", s / 86400, s % 86400 / 3600);
}

std::optional<std::chrono::milliseconds> parseDuration(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const char unit = text.back();
  const std::int64_t seconds = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : 0;
  std::uint32_t count = 0;
  const char* end = text.data() + text.size() - 1;
  const auto [at, error] = std::from_chars(text.data(), end, count);
  if (seconds == 0 || error != std::errc{} || at != end || count == 0) return std::nullopt;
  const std::chrono::seconds duration{seconds * count};
  if (duration > std::chrono::hours{24 * 365 * 100}) return std::nullopt;
  return duration;
}

std::string humanRoundTrip(std::chrono::microseconds duration) {
  const double ms = static_cast<double>(duration.count()) / 1000.0;
  if (ms < 10) return fmt::format("{:.2f} ms", ms);
  if (ms < 1000) return fmt::format("{:.1f} ms", ms);
  return fmt::format("{:.1f} s", ms / 1000.0);
}

std::string humanBytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000.0;
  std::size_t unit = 0;
  // Not 1000: 999.6 would be rounded to "1000 kB".
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000.0;
    ++unit;
  }
  return value < 9.95 ? fmt::format("{:.1f} {}", value, kUnits[unit]) : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

std::size_t displayWidth(std::string_view utf8) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < utf8.size();) {
    const std::uint32_t c = decode(utf8, at);
    if (within(c, std::begin(kZero), std::end(kZero))) continue;
    width += within(c, std::begin(kWide), std::end(kWide)) ? 2 : 1;
  }
  return width;
}

}  // namespace chuantou::daemon
