// Points in time and spans, as cores see them: handed in, never read from a clock.
#pragma once

#include <chrono>

namespace chuantou {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;
using Millis = std::chrono::milliseconds;

}  // namespace chuantou
