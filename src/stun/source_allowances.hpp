// How often each source may ask, in a table of a fixed size.
#pragma once

#include <algorithm>
#include <vector>

#include "base/allowance.hpp"
#include "base/source.hpp"

namespace chuantou::stun {

/// Sources that fall into one place share its allowance. There is nothing to fill up or to be pushed out of: whoever
/// invents sources neither gets more for one of them nor keeps others from theirs, until he sends as often as all
/// places together allow. Which sources share a place cannot be chosen from outside.
class SourceAllowances {
 public:
  SourceAllowances(std::size_t aMinute, std::size_t places, RandomSource& random)
      : aMinute_(aMinute), count_(places), hash_(random) {}

  /// False: nothing is left.
  bool take(TimePoint now, const Source& source) {
    if (places_.empty()) places_.assign(count_, Allowance{aMinute_});  // not before somebody asks
    return places_[hash_(source) % count_].take(now);
  }
  /// The most that any place has spent within about a minute. Looks at all of them.
  std::size_t most(TimePoint now) {
    std::size_t out = 0;
    for (Allowance& place : places_) out = std::max(out, place.taken(now));
    return out;
  }

 private:
  std::size_t aMinute_;
  std::size_t count_;
  SourceHash hash_;
  std::vector<Allowance> places_;
};

}  // namespace chuantou::stun
