#pragma once

#include <chrono>

namespace chuantou::bench {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Milliseconds = std::chrono::milliseconds;
using Seconds = std::chrono::duration<double>;

inline double secondsBetween(Time from, Time to) { return Seconds(to - from).count(); }

inline Time after(Seconds span) { return Clock::now() + std::chrono::duration_cast<Clock::duration>(span); }

// What poll(2) takes: whole milliseconds, at least 0, rounded up so that a loop does not spin before its deadline.
inline int pollTimeout(Time deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

}  // namespace chuantou::bench
