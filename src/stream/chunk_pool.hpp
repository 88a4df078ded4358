// Memory for bytes that may have to be sent again: buffers of one size, the last used first, while they are in the cache.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace chuantou::stream {

/// One for all streams of a client; not thread-safe.
class ChunkPool {
 public:
  using Memory = std::unique_ptr<std::uint8_t[]>;
  /// Read, encrypted and sent in one go: eight records of TLS.
  static constexpr std::size_t kChunk = 128 * 1024;
  /// Before the bytes, for the frames that they leave with: an OPEN or RESUME and a few small ones.
  static constexpr std::size_t kRoom = 512;

  /// `most`: bytes in all streams together, beyond which each keeps to its least.
  explicit ChunkPool(std::size_t most) : most_(most) {}

  Memory take() {
    if (free_.empty()) return Memory{new std::uint8_t[kRoom + kChunk]};
    Memory memory = std::move(free_.back());
    free_.pop_back();
    return memory;
  }
  void give(Memory memory) {
    if (free_.size() < kMostFree) free_.push_back(std::move(memory));
  }
  /// Where everybody's next bytes are read into; whoever keeps them takes it away.
  Memory& spare() {
    ++uses_;
    if (!spare_) spare_ = take();
    return spare_;
  }
  /// Another number than before: the spare chunk may have somebody else's bytes in it.
  std::uint64_t uses() const noexcept { return uses_; }
  /// Where everybody's next frames without bytes of the stream are put together.
  std::array<std::uint8_t, kRoom>& small() noexcept { return small_; }

  void add(std::size_t bytes) noexcept { held_ += bytes; }
  void remove(std::size_t bytes) noexcept { held_ -= bytes; }
  std::size_t held() const noexcept { return held_; }
  bool tight() const noexcept { return held_ > most_; }

 private:
  static constexpr std::size_t kMostFree = 16;

  std::size_t most_;
  std::size_t held_ = 0;
  std::uint64_t uses_ = 0;
  Memory spare_;
  std::array<std::uint8_t, kRoom> small_;
  std::vector<Memory> free_;
};

}  // namespace chuantou::stream
