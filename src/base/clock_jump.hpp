// Tells that this program, or its machine, has not run for a while: asleep, stopped, or moved to another time.
#pragma once

#include <optional>

#include "base/time.hpp"

namespace chuantou {

/// Three clocks, read together.
struct ClockReading {
  TimePoint steady;   ///< stands still while the machine sleeps (on Linux)
  Duration boot{};    ///< goes on
  Duration wall{};    ///< since 1970; somebody may set it
};

/// Fed by a timer on the steady clock: a tick that is late was a program that was stopped (SIGSTOP, a debugger, a starved
/// machine); clocks that moved apart were a machine that slept, or whose time was set.
class ClockJump {
 public:
  /// `every`: what the timer is set to.
  explicit ClockJump(Duration every) : every_(every) {}

  /// How far the jump went, if there was one since the last reading.
  std::optional<Duration> handleTick(const ClockReading& now);

  /// Less is what a busy machine does.
  static constexpr Millis kSmallest{2'000};

 private:
  Duration every_;
  std::optional<ClockReading> last_;
};

}  // namespace chuantou
