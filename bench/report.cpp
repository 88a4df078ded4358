#include "report.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmath>
#include <ctime>
#include <fstream>
#include <limits>

namespace chuantou::bench {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double medianOf(const Report::Row& row, const std::string& system) {
  const auto found = row.values.find(system);
  return found == row.values.end() ? kNone : found->second.median();
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + '"';
}

std::string jsonNumber(double value) { return std::isfinite(value) ? fmt::format("{:.6g}", value) : "null"; }

template <class Range, class Write>
std::string jsonList(const Range& range, const Write& write) {
  std::string out;
  for (const auto& item : range) out += (out.empty() ? "" : ", ") + write(item);
  return out;
}

std::string jsonSamples(const Report::Row& row, const std::string& system, const Samples& samples) {
  return fmt::format(R"("{}": {{"median": {}, "least": {}, "most": {}, "ratio": {}, "runs": [{}]}})", system,
                     jsonNumber(samples.median()), jsonNumber(samples.least()), jsonNumber(samples.most()),
                     jsonNumber(ratioToBaseline(row, system)), jsonList(samples.values(), jsonNumber));
}

std::string jsonGoal(const Report::Row& row) {
  if (!row.figure.goal) return "null";
  const Goal& goal = *row.figure.goal;
  const double measured = measuredForGoal(row);
  return fmt::format(R"({{"{}": {:g}, "of": "{}", "measured": {}, "ok": {}}})",
                     goal.side == Goal::Side::atMost ? "atMost" : "atLeast", goal.limit,
                     goal.of == Goal::Of::ratio ? "ratio" : "value", jsonNumber(measured),
                     std::isnan(measured)   ? "null"
                     : goal.isMet(measured) ? "true"
                                            : "false");
}

std::string jsonRow(const Report::Row& row) {
  return fmt::format(
      "    {{\"id\": {}, \"unit\": {}, \"target\": {},\n     \"systems\": {{{}}}}}", quoted(row.figure.id),
      quoted(row.figure.unit), jsonGoal(row),
      jsonList(row.values, [&row](const auto& entry) { return jsonSamples(row, entry.first, entry.second); }));
}

std::string jsonCheck(const Report::Check& check) {
  return fmt::format("{}: {{{}}}", quoted(check.title), jsonList(check.complaints, [](const auto& entry) {
                       return fmt::format("{}: {}", quoted(entry.first), quoted(entry.second));
                     }));
}

}  // namespace

double ratioToBaseline(const Report::Row& row, const std::string& system) {
  return medianOf(row, system) / medianOf(row, kBaseline);
}

double measuredForGoal(const Report::Row& row) {
  if (!row.figure.goal) return kNone;
  return row.figure.goal->of == Goal::Of::ratio ? ratioToBaseline(row, kSubject) : medianOf(row, kSubject);
}

std::string describeRun(const Settings& settings) {
  utsname machine{};
  ::uname(&machine);
  char date[32];
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof date, "%F %H:%M", std::localtime(&now));
  return fmt::format("{}, {} {}, {} processors, {} round{} of {:g} s", date, machine.sysname, machine.release,
                     ::sysconf(_SC_NPROCESSORS_ONLN), settings.rounds, settings.rounds == 1 ? "" : "s",
                     settings.span.count());
}

void writeJson(const Report& report, const Settings& settings, const std::filesystem::path& file) {
  std::ofstream out(file);
  out << fmt::format(
             "{{\n  \"run\": {},\n  \"rounds\": {},\n  \"seconds\": {:g},\n  \"heldConnections\": {},\n  "
             "\"otherLoad\": {:.3f},\n",
             quoted(describeRun(settings)), settings.rounds, settings.span.count(), settings.connections,
             report.mostOtherLoad)
      << fmt::format("  \"checks\": {{{}}},\n", jsonList(report.checks, jsonCheck))
      << fmt::format("  \"remarks\": [{}],\n  \"figures\": [\n", jsonList(report.remarks, quoted));
  for (std::size_t i = 0; i < report.rows.size(); ++i)
    out << jsonRow(report.rows[i]) << (i + 1 < report.rows.size() ? ",\n" : "\n");
  out << "  ]\n}\n";
  if (!out.flush()) throw systemFailure(fmt::format("write {}", file.string()));
}

}  // namespace chuantou::bench
