// How often something may happen: so many times a minute, and as many at once after a minute's rest (a token bucket).
#pragma once

#include <algorithm>

#include "base/time.hpp"

namespace chuantou {

class Allowance {
 public:
  explicit Allowance(std::size_t aMinute) : most_(static_cast<double>(aMinute)), left_(most_) {}

  bool isSpent(TimePoint now) {
    refill(now);
    return left_ < 1;
  }
  /// False: nothing was left.
  bool take(TimePoint now) {
    if (isSpent(now)) return false;
    left_ -= 1;
    return true;
  }
  bool isWhole(TimePoint now) {
    refill(now);
    return left_ >= most_;
  }
  /// What was taken and has not come back yet.
  std::size_t taken(TimePoint now) {
    refill(now);
    return static_cast<std::size_t>(most_ - left_ + 0.999);
  }

 private:
  void refill(TimePoint now) {
    if (now <= at_) return;
    const double minutes = std::chrono::duration<double, std::ratio<60>>(now - at_).count();
    left_ = std::min(most_, left_ + most_ * minutes);
    at_ = now;
  }

  double most_;
  double left_;
  TimePoint at_{};
};

}  // namespace chuantou
