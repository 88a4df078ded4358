// A carrier that a test holds in its hands: two byte pipes that can be slow, stall, and be cut at any byte.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace chuantou::test {

/// One direction.
class SimPipe {
 public:
  std::size_t size() const noexcept { return bytes_.size() - head_; }
  std::span<const std::uint8_t> front() const noexcept { return std::span{bytes_}.subspan(head_); }
  void push(std::span<const std::uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void pop(std::size_t size) {
    head_ += size;
    if (head_ < bytes_.size() / 2 && bytes_.size() > 4096) return;
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  /// What comes after so many bytes is lost.
  void cutAfter(std::size_t size) {
    if (size < this->size()) bytes_.resize(head_ + size);
  }

 private:
  std::vector<std::uint8_t> bytes_;
  std::size_t head_ = 0;
};

enum SideOf : std::size_t { kInitiator = 0, kTarget = 1 };

struct SimCarrier {
  std::array<SimPipe, 2> to;  ///< by the side that reads
  std::array<bool, 2> stalled{};
  std::size_t capacity = 64 * 1024;
  bool dead = false;  ///< takes no more bytes; those in the pipes may still be read
};

}  // namespace chuantou::test
