// Tells when this program has not run for a while: its machine slept, or somebody stopped it.
#pragma once

#include <optional>

#include "base/clock_jump.hpp"
#include "net/io_thread.hpp"

namespace chuantou::net {

/// Looks at the clocks once a second; after a sleep it tells within a second. On one thread.
class WakeWatch {
 public:
  using Woke = std::function<void(Duration jump)>;

  WakeWatch(IoThread& thread, Woke woke) : timer_(thread.context()), woke_(std::move(woke)) {}
  void start();
  void stop();

 private:
  void tick();

  Timer timer_;
  Woke woke_;
  std::optional<ClockJump> jump_;  ///< while started
};

}  // namespace chuantou::net
