#include "base/clock_jump.hpp"

#include <algorithm>
#include <utility>

namespace chuantou {

std::optional<Duration> ClockJump::handleTick(const ClockReading& now) {
  const auto last = std::exchange(last_, now);
  if (!last) return std::nullopt;
  const Duration passed = now.steady - last->steady;
  const Duration late = passed - every_;
  const Duration slept = now.boot - last->boot - passed;
  const Duration set = now.wall - last->wall - passed;  // also backwards
  const Duration jump = std::max({late, slept, set, -set});
  return jump >= kSmallest ? std::optional{jump} : std::nullopt;
}

}  // namespace chuantou
