#include "daemon/table.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "daemon/human_text.hpp"

namespace chuantou::daemon {

namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::size_t kGap = 2;

std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text;
}

void styled(std::string& out, std::string_view text, std::string_view style, bool colour) {
  if (colour && !text.empty()) out += style;
  out += text;
  if (colour && !text.empty()) out += kPlain;
}

}  // namespace

bool wantsColour(int fd) {
  const char* noColour = std::getenv("NO_COLOR");
  if (noColour != nullptr && *noColour != '\0') return false;
  const char* terminal = std::getenv("TERM");
  if (terminal == nullptr || std::string_view{terminal} == "dumb") return false;
  return ::isatty(fd) == 1;
}

void Table::row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = printable(std::move(cell));
  rows_.push_back(std::move(cells));
}

std::string Table::render(bool colour) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = displayWidth(columns_[i].title);
    for (const auto& cells : rows_) width = std::max(width, displayWidth(cells[i]));
    widths.push_back(width);
  }
  std::string out;
  const auto line = [&](const auto& cellOf, std::string_view style) {
    std::size_t blanks = 0;  // owed before the next text, so that no line ends with them
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& cell = cellOf(i);
      const std::size_t padding = widths[i] - displayWidth(cell);
      if (columns_[i].align == Align::right) blanks += padding;
      if (!cell.empty()) {
        out.append(blanks, ' ');
        blanks = 0;
      }
      styled(out, cell, style, colour && !style.empty());
      if (columns_[i].align == Align::left || cell.empty()) blanks += columns_[i].align == Align::left ? padding : 0;
      blanks += kGap;
    }
    out += '\n';
  };
  line([&](std::size_t i) -> const std::string& { return columns_[i].title; }, kBold);
  for (const auto& cells : rows_) line([&](std::size_t i) -> const std::string& { return cells[i]; }, {});
  return out;
}

std::string renderFields(const std::vector<std::pair<std::string, std::string>>& fields, bool colour) {
  std::size_t width = 0;
  for (const auto& field : fields) width = std::max(width, displayWidth(field.first));
  std::string out;
  for (const auto& [name, value] : fields) {
    styled(out, name, kDim, colour);
    out.append(width - displayWidth(name) + kGap, ' ');
    out += printable(value);
    out += '\n';
  }
  return out;
}

}  // namespace chuantou::daemon
