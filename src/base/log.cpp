#include "base/log.hpp"

namespace chuantou {

namespace {
/// Names and reasons come from the network: a line must stay a line, and a terminal must not obey it.
std::string printable(const std::string& line) {
  std::string out;
  out.reserve(line.size());
  for (const char c : line) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f) {
      out += fmt::format("\\x{:02x}", u);
    } else {
      out += c;
    }
  }
  return out;
}
}  // namespace

void Logger::write(LogLevel level, std::string_view component, const std::string& line) const {
  sink_(level, component, printable(line));
}

}  // namespace chuantou
