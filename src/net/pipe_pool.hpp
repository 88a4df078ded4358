// Kernel pipes for splice(2): taken while bytes are under way, given back when empty.
#pragma once

#include <cstddef>
#include <vector>

namespace chuantou::net {

struct Pipe {
  int readEnd = -1;
  int writeEnd = -1;
  std::size_t capacity = 0;
  bool open() const noexcept { return readEnd >= 0; }
};

/// One a thread; not thread-safe.
class PipePool {
 public:
  PipePool() = default;
  ~PipePool();
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  /// A closed Pipe where the system gives none (descriptors, or the user's share of pipe memory).
  Pipe take();
  /// Only an empty pipe may come back: a full one would hand its bytes to a stranger.
  void give(Pipe pipe);
  static void close(Pipe& pipe);

 private:
  /// 1 MB needs a third of the CPU of 64 KB at bulk; unprivileged users get about 64 such pipes, then smaller ones.
  static constexpr int kWanted[] = {1 << 20, 256 << 10};
  static constexpr std::size_t kKeep = 64;
  std::vector<Pipe> free_;
};

}  // namespace chuantou::net
