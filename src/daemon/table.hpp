// Aligned text for a terminal.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chuantou::daemon {

/// Colour only where a person sees it: a terminal that can, and no NO_COLOR (no-color.org).
bool wantsColour(int fd);

enum class Align { left, right };

class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::left;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// Missing cells are empty; control characters in a cell are shown as "?", it may come from afar.
  void row(std::vector<std::string> cells);
  bool empty() const noexcept { return rows_.empty(); }
  /// Lines without trailing blanks, each with its end.
  std::string render(bool colour) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// "name   value" lines, the values under each other.
std::string renderFields(const std::vector<std::pair<std::string, std::string>>& fields, bool colour);

}  // namespace chuantou::daemon
