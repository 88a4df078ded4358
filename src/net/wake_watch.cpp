#include "net/wake_watch.hpp"

#include <ctime>

namespace chuantou::net {

namespace {

constexpr std::chrono::seconds kEvery{1};

ClockReading readClocks() {
  ClockReading out;
  out.steady = Clock::now();
  out.wall = std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch());
  out.boot = out.steady.time_since_epoch();
#ifdef CLOCK_BOOTTIME
  timespec at{};
  if (::clock_gettime(CLOCK_BOOTTIME, &at) == 0) out.boot = std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec};
#endif
  return out;
}

}  // namespace

void WakeWatch::start() {
  if (jump_) return;
  jump_.emplace(kEvery);
  tick();
}

void WakeWatch::stop() {
  jump_.reset();
  timer_.cancel();
}

void WakeWatch::tick() {
  const auto jump = jump_->handleTick(readClocks());
  timer_.expires_after(kEvery);
  timer_.async_wait([this](const ErrorCode& ec) {
    if (!ec && jump_) tick();
  });
  if (jump) woke_(*jump);
}

}  // namespace chuantou::net
