#include "base/log.hpp"

#include "base/utf8.hpp"

namespace chuantou {

namespace {
/// C0 and C1 controls (U+009B is ESC [), line separators, and marks that turn the direction of writing.
bool isObeyed(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/// Names and reasons come from the network: a line must stay a line, and a terminal must not obey it.
std::string printable(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  while (!line.empty()) {
    const Utf8Char c = firstUtf8(line);
    const bool shown = c.length != 0 && !isObeyed(c.code);
    if (shown) {
      out += line.substr(0, c.length);
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(line.front()));
    }
    line.remove_prefix(shown ? c.length : 1);
  }
  return out;
}
}  // namespace

void Logger::write(LogLevel level, std::string_view component, const std::string& line) const {
  sink_(level, component, printable(line));
}

}  // namespace chuantou
