#include "daemon/process.hpp"

#include <sys/resource.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace chuantou::daemon {

void raiseFileLimit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

void releaseSpareMemory() noexcept {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

StopSignal::StopSignal() : waiter_(::pthread_self()) {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);

  sigemptyset(&signals_);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR2}) sigaddset(&signals_, signal);
  // A blocked signal reaches sigwait even where it is ignored, and nohup asks by that to be left alone.
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) sigaddset(&signals_, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

void StopSignal::wait() {
  while (!stopped_) {
    int signal = 0;
    if (::sigwait(&signals_, &signal) == 0 && signal != SIGUSR2) break;
  }
  sigdelset(&signals_, SIGUSR2);  // a late stop() must not kill the process
  ::pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
}

void StopSignal::stop() noexcept {
  stopped_ = true;
  ::pthread_kill(waiter_, SIGUSR2);
}

}  // namespace chuantou::daemon
