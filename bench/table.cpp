#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report.hpp"

namespace chuantou::bench {
namespace {

constexpr const char* kMissing = "–";
constexpr double kNoisy = 0.15;

using Cells = std::vector<std::string>;

// Columns on a terminal: code points, since all that we print is one column wide.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

// "1.30 (1.21–1.35) ×0.92": the median, the spread, and the ratio to the splice relays.
std::string valueCell(const Report::Row& row, const std::string& system) {
  const auto found = row.values.find(system);
  if (found == row.values.end() || found->second.empty()) return kMissing;
  const Samples& samples = found->second;
  const int decimals = row.figure.decimals;
  std::string cell = fmt::format("{:.{}f}", samples.median(), decimals);
  if (samples.size() > 1)
    cell += fmt::format(" ({:.{}f}–{:.{}f})", samples.least(), decimals, samples.most(), decimals);
  const double ratio = ratioToBaseline(row, system);
  if (system != kBaseline && !std::isnan(ratio)) cell += fmt::format(" ×{:.2f}", ratio);
  return cell;
}

std::string goalCell(const std::optional<Goal>& goal) {
  if (!goal) return "";
  return fmt::format("{} {}{:g}", goal->side == Goal::Side::atMost ? "≤" : "≥", goal->of == Goal::Of::ratio ? "×" : "",
                     goal->limit);
}

std::string verdictCell(const Report::Row& row) {
  if (!row.figure.goal) return "";
  const double measured = measuredForGoal(row);
  if (std::isnan(measured)) return kMissing;
  return row.figure.goal->isMet(measured) ? "ok" : "miss";
}

Cells headCells(const Report& report) {
  Cells cells{"", ""};
  for (const Report::Column& system : report.systems) cells.push_back(system.title);
  cells.insert(cells.end(), {"target", ""});
  return cells;
}

Cells checkCells(const Report& report, const Report::Check& check) {
  Cells cells{check.title, ""};
  for (const Report::Column& system : report.systems) {
    const auto found = check.complaints.find(system.name);
    cells.push_back(found == check.complaints.end() ? kMissing : found->second.empty() ? "right" : "WRONG");
  }
  const auto subject = check.complaints.find(kSubject);
  cells.push_back("right");
  cells.push_back(subject == check.complaints.end() ? kMissing : subject->second.empty() ? "ok" : "miss");
  return cells;
}

Cells figureCells(const Report& report, const Report::Row& row) {
  Cells cells{row.figure.title, row.figure.unit};
  for (const Report::Column& system : report.systems) cells.push_back(valueCell(row, system.name));
  cells.push_back(goalCell(row.figure.goal));
  cells.push_back(verdictCell(row));
  return cells;
}

void printLine(const Cells& cells, const std::vector<std::size_t>& widths) {
  std::string line = "|";
  for (std::size_t i = 0; i < cells.size(); ++i)
    line += fmt::format(" {}{} |", cells[i], std::string(widths[i] - width(cells[i]), ' '));
  fmt::print("{}\n", line);
}

}  // namespace

void printTable(const Report& report, const Settings& settings) {
  std::vector<Cells> lines{headCells(report)};
  for (const Report::Check& check : report.checks) lines.push_back(checkCells(report, check));
  for (const Report::Row& row : report.rows) lines.push_back(figureCells(report, row));
  std::vector<std::size_t> widths(lines.front().size());
  for (const Cells& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));

  fmt::print("\n{}; median (least–most), × to splice ×3\n\n", describeRun(settings));
  Cells rule;
  for (const std::size_t w : widths) rule.emplace_back(std::max<std::size_t>(w, 1), '-');
  printLine(lines.front(), widths);
  printLine(rule, widths);
  for (std::size_t i = 1; i < lines.size(); ++i) printLine(lines[i], widths);

  if (!report.remarks.empty()) fmt::print("\n");
  for (const std::string& remark : report.remarks) fmt::print("- {}\n", remark);
  if (report.mostOtherLoad > kNoisy)
    fmt::print("- other programs took up to {:.0f} % of the processors during a step: don't trust small differences\n",
               100 * report.mostOtherLoad);
}

}  // namespace chuantou::bench
