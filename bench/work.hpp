#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clock.hpp"
#include "system.hpp"

namespace chuantou::bench {

// What we want of a figure, without encryption.
struct Goal {
  enum class Side { atMost, atLeast };
  enum class Of { value, ratio };  // ratio: to the splice relays of the same run

  Side side = Side::atMost;
  double limit = 0;
  Of of = Of::ratio;

  bool isMet(double measured) const { return side == Side::atMost ? measured <= limit : measured >= limit; }
};

// One row of the table.
struct Figure {
  std::string id;  // in the JSON
  std::string title;
  std::string unit;
  int decimals = 0;
  std::optional<Goal> goal;
};

struct WorkSite {
  const std::string& name;  // of the system
  const System& system;
  const Target& target;
  Seconds span;
  std::size_t connections;
};

struct Outcome {
  std::vector<double> values;  // as Work::figures; NaN: not to be had
  std::string remark;          // what did not go as it should, or empty
};

// Something that is run on each system in turn.
struct Work {
  std::string name;   // as in --only; what precedes its first '-' is its group
  std::string title;  // for progress and remarks
  std::vector<Figure> figures;
  bool needsUdp = false;
  bool needsFreshSystem = false;  // one that has carried nothing yet, and no other instance of it beside
  std::function<Outcome(const WorkSite&)> run;

  bool isNamed(const std::string& nameOrGroup) const {
    return name == nameOrGroup || name.substr(0, name.find('-')) == nameOrGroup;
  }
};

std::vector<Work> allWorks();

}  // namespace chuantou::bench
