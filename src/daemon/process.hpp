// What a program does to its own process before and after its work.
#pragma once

#include <csignal>

#include <pthread.h>

#include <atomic>

namespace chuantou::daemon {

/// As many descriptors as the system lets this process have: each forwarded connection takes some.
void raiseFileLimit() noexcept;
/// Gives the memory that parsing the command line took back to the system.
void releaseSpareMemory() noexcept;

/// Waits for the end. Make it before any thread starts, so that all threads inherit the blocked signals.
class StopSignal {
 public:
  /// Blocks SIGTERM, SIGINT, SIGHUP (unless ignored, as under nohup) and SIGUSR2 (its own); ignores SIGPIPE.
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// On the thread that made it. Returns when a signal has come or stop() was called; then a second signal ends the
  /// process the hard way.
  void wait();
  /// From any thread.
  void stop() noexcept;

 private:
  sigset_t signals_;
  const pthread_t waiter_;
  std::atomic<bool> stopped_{false};
};

}  // namespace chuantou::daemon
