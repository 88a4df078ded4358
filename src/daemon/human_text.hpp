// Numbers as a person likes to read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chuantou::daemon {

/// "0.8 s", "12 s", "3 m 12 s", "5 h 4 m", "2 d 3 h".
std::string humanDuration(std::chrono::milliseconds duration);
/// "90s", "30m", "24h", "7d": a whole number above 0, and at most a hundred years.
std::optional<std::chrono::milliseconds> parseDuration(std::string_view text);
/// "0.45 ms", "12.3 ms", "1.2 s".
std::string humanRoundTrip(std::chrono::microseconds duration);
/// Decimal units: "999 B", "1.2 kB", "34 MB", "1.2 GB".
std::string humanBytes(std::uint64_t bytes);
/// Columns on a terminal: wide East Asian characters take two, combining marks none.
std::size_t displayWidth(std::string_view utf8);

}  // namespace chuantou::daemon
