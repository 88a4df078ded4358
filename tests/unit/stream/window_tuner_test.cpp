#include "stream/window_tuner.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace chuantou;
using namespace std::chrono_literals;
using stream::WindowTuner;

namespace {

/// A path of so many bytes a second and such a delay, whose sender always has more. Returns the limit after `seconds`.
class Path {
 public:
  Path(double rate, Duration delay) : rate_(rate), delay_(std::chrono::duration<double>(delay).count()) {}

  std::size_t send(WindowTuner& tuner, int seconds, bool limited = true) {
    for (double end = now_ + seconds; now_ < end;) {
      // A window's worth takes its delay, or as long as the path needs for the bytes.
      const std::size_t window = tuner.limit();
      const double took = std::max(delay_, static_cast<double>(window) / rate_);
      for (int part = 0; part < 4; ++part) {
        now_ += took / 4;
        acked_ += window / 4;
        if (limited) tuner.onLimited();
        tuner.onAck(TimePoint{std::chrono::duration_cast<Duration>(std::chrono::duration<double>(now_))}, acked_);
      }
    }
    return tuner.limit();
  }

 private:
  double rate_;
  double delay_;
  double now_ = 1000;
  std::uint64_t acked_ = 0;
};

}  // namespace

TEST_CASE("the window grows to what the path holds", "[stream][window]") {
  struct Row {
    const char* path;
    double rate;  ///< bytes a second
    Duration delay;
    std::size_t least, most;
  };
  const Row rows[] = {
      // What the path holds is rate x delay. A doubling that brought nothing is not followed by another.
      {"a LAN", 100e6, 1ms, WindowTuner::kLeast, 2 * WindowTuner::kLeast},
      {"a mobile network", 2e6, 80ms, WindowTuner::kLeast, 2 * WindowTuner::kLeast},
      {"across a continent", 50e6, 40ms, 2 << 20, 8 << 20},
      {"around the world", 100e6, 200ms, WindowTuner::kMost, WindowTuner::kMost},
      {"more than there may be", 1e9, 300ms, WindowTuner::kMost, WindowTuner::kMost},
  };
  for (const Row& row : rows) {
    INFO(row.path);
    WindowTuner tuner;
    const std::size_t limit = Path{row.rate, row.delay}.send(tuner, 60);
    CHECK(limit >= row.least);
    CHECK(limit <= row.most);
    CHECK(static_cast<double>(limit) >= std::min(row.rate * std::chrono::duration<double>(row.delay).count(), double{WindowTuner::kMost}));
  }
}

TEST_CASE("a sender that is not held back keeps its window", "[stream][window]") {
  WindowTuner tuner;
  CHECK(Path(100e6, 200ms).send(tuner, 20, false) == WindowTuner::kLeast);
}

TEST_CASE("another carrier may be faster", "[stream][window]") {
  WindowTuner tuner;
  const std::size_t slow = Path{2e6, 80ms}.send(tuner, 20);
  CHECK(slow <= 2 * WindowTuner::kLeast);
  tuner.onNewCarrier();
  CHECK(tuner.limit() == slow);  // what it has learned it keeps
  CHECK(Path(100e6, 200ms).send(tuner, 60) == WindowTuner::kMost);
}

TEST_CASE("acknowledgements at one instant, and none at all", "[stream][window]") {
  WindowTuner tuner;
  const TimePoint now{1h};
  for (std::uint64_t i = 0; i < 100; ++i) {
    tuner.onLimited();
    tuner.onAck(now, i * WindowTuner::kMost);
  }
  CHECK(tuner.limit() <= WindowTuner::kMost);
  tuner.onNewCarrier();
  tuner.onAck(now, 0);
  tuner.onAck(now - 1s, ~std::uint64_t{0});
  CHECK(tuner.limit() <= WindowTuner::kMost);
}
