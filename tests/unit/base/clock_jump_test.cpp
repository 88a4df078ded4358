#include "base/clock_jump.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;
using namespace std::chrono_literals;

namespace {

constexpr Duration kEvery = 1s;

/// What the clocks do between two ticks.
struct Step {
  const char* what;
  Duration steady, boot, wall;
  std::optional<Duration> jump;
};

}  // namespace

TEST_CASE("late ticks and clocks that part are jumps", "[base][clock_jump]") {
  const Step steps[] = {
      {"on time", 1s, 1s, 1s, {}},
      {"a busy machine", 2900ms, 2900ms, 2900ms, {}},
      {"stopped for 30 s", 31s, 31s, 31s, 30s},
      {"just long enough", 3s, 3s, 3s, 2s},
      {"asleep for an hour", 1s, 3601s, 3601s, 3600s},
      {"asleep between two ticks, and late", 1200ms, 11200ms, 11200ms, 10s},
      {"the time set forwards", 1s, 1s, 61s, 60s},
      {"the time set back", 1s, 1s, -59s, 60s},
      {"a machine that was paused, and told the time", 1s, 1s, 8s, 7s},
      {"the time corrected a little", 1s, 1s, 1500ms, {}},
  };
  ClockJump jump{kEvery};
  ClockReading now{TimePoint{100h}, 100h, 400000h};
  CHECK_FALSE(jump.handleTick(now));  // nothing to compare with
  for (const Step& step : steps) {
    INFO(step.what);
    now.steady += step.steady;
    now.boot += step.boot;
    now.wall += step.wall;
    CHECK(jump.handleTick(now) == step.jump);
    // Told once: the next tick is an ordinary one again.
    now.steady += kEvery;
    now.boot += kEvery;
    now.wall += kEvery;
    CHECK_FALSE(jump.handleTick(now));
  }
}
