// How fast to ask and how long to wait, once a round trip was measured.
#pragma once

#include <algorithm>

#include "base/time.hpp"

namespace chuantou::nat {

/// A test of a second has no time for the 500 ms of RFC 8489, section 6.2.1; it sends few packets, and knows the round
/// trip when it counts.
struct Pace {
  Duration rtt{0};

  /// Between two attempts of one question.
  Duration retry() const { return std::clamp<Duration>(rtt + rtt / 2, Millis{60}, Millis{400}); }
  /// After the last attempt.
  Duration lastWait() const { return 2 * rtt + Millis{150}; }
  /// Between rounds of questions that may have no answer.
  Duration round() const { return std::clamp<Duration>(rtt / 2, Millis{40}, Millis{150}); }
  /// How much later than its neighbour an answer may come.
  Duration grace() const { return std::clamp<Duration>(rtt / 2, Millis{80}, Millis{300}); }
};

}  // namespace chuantou::nat
