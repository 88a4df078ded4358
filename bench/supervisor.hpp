#pragma once

#include <functional>

namespace chuantou::bench {

// Runs `body` in a child process and returns its exit status, after ending every process that `body` started and that
// is still there, however `body` ended: done, thrown, interrupted (SIGINT, SIGTERM, SIGHUP here) or killed. Programs
// that put themselves in the background are found too: the kernel makes us the parent of orphans. Call it from the
// only thread, once.
int runSupervised(const std::function<int()>& body);

}  // namespace chuantou::bench
