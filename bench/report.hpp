#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "samples.hpp"
#include "settings.hpp"
#include "work.hpp"

namespace chuantou::bench {

// All that a run has found.
struct Report {
  struct Column {
    std::string name;
    std::string title;
  };
  struct Row {
    Figure figure;
    std::map<std::string, Samples> values;  // by a system's name
  };
  struct Check {
    std::string title;
    std::map<std::string, std::string> complaints;  // by a system's name; empty: all is right
  };

  std::vector<Column> systems;
  std::vector<Check> checks;
  std::vector<Row> rows;
  std::vector<std::string> remarks;
  double mostOtherLoad = 0;  // share of the processors that neither the systems nor the load used, at worst

  // Something could not be measured, or bytes came out wrong.
  bool failed = false;
};

// The system that the goals are for, and the one that ratios are taken to.
inline constexpr const char* kSubject = "chuantou";
inline constexpr const char* kBaseline = "splice3";

// A system's median divided by the baseline's; NaN where one of them is missing.
double ratioToBaseline(const Report::Row& row, const std::string& system);

// The subject's figure in the goal's terms; NaN where it is missing.
double measuredForGoal(const Report::Row& row);

// When, where and how: "2026-11-21 09:50, Linux 6.18, 2 processors, 3 rounds of 2 s".
std::string describeRun(const Settings& settings);

// One table, in Markdown that also reads well on a terminal, to standard output.
void printTable(const Report& report, const Settings& settings);

// Throws Failure when the file can't be written.
void writeJson(const Report& report, const Settings& settings, const std::filesystem::path& file);

}  // namespace chuantou::bench
