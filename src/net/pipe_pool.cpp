#include "net/pipe_pool.hpp"

#if CHUANTOU_FAST_PATHS
#include <fcntl.h>
#include <unistd.h>
#endif

namespace chuantou::net {

#if CHUANTOU_FAST_PATHS

PipePool::~PipePool() {
  for (Pipe& pipe : free_) close(pipe);
}

Pipe PipePool::take() {
  if (!free_.empty()) {
    const Pipe pipe = free_.back();
    free_.pop_back();
    return pipe;
  }
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return {};
  for (const int wanted : kWanted) {
    if (::fcntl(ends[1], F_SETPIPE_SZ, wanted) >= 0) break;
  }
  const int granted = ::fcntl(ends[1], F_GETPIPE_SZ);
  return Pipe{ends[0], ends[1], granted > 0 ? static_cast<std::size_t>(granted) : 4096};
}

void PipePool::give(Pipe pipe) {
  if (!pipe.open()) return;
  if (free_.size() < kKeep) {
    free_.push_back(pipe);
  } else {
    close(pipe);
  }
}

void PipePool::close(Pipe& pipe) {
  if (!pipe.open()) return;
  ::close(pipe.readEnd);
  ::close(pipe.writeEnd);
  pipe = {};
}

#else

PipePool::~PipePool() = default;
Pipe PipePool::take() { return {}; }
void PipePool::give(Pipe) {}
void PipePool::close(Pipe&) {}

#endif

}  // namespace chuantou::net
