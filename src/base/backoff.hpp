// When to try again: exponential back-off with full jitter.
#pragma once

#include "base/random.hpp"
#include "base/time.hpp"

namespace chuantou {

/// The n-th wait is uniform in [0, min(max, min × 2ⁿ)] but never under a tenth of the ceiling, so that many clients of
/// a restarted server spread out and none spins. (Marc Brooker, "Exponential Backoff And Jitter", 2015: "full jitter".)
class Backoff {
 public:
  Backoff(Millis min, Millis max) : min_(min), max_(max), ceiling_(min) {}

  /// `most`: this wait is not longer, whatever the ceiling; the ceiling grows all the same.
  Millis next(RandomSource& random, Millis most = Millis::max());
  void reset() noexcept { ceiling_ = min_; }

 private:
  Millis min_;
  Millis max_;
  Millis ceiling_;
};

}  // namespace chuantou
