#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace chuantou::bench {

// Reproducible test bytes: the words of SplitMix64, so that a lost, doubled or moved byte shows.
class ByteStream {
 public:
  explicit ByteStream(std::uint64_t seed) : state_(seed) {}

  void fill(std::uint8_t* to, std::size_t size) {
    while (size > 0) {
      if (left_ == 0) {
        word_ = next();
        left_ = sizeof word_;
      }
      const std::size_t n = std::min(size, left_);
      std::memcpy(to, reinterpret_cast<const std::uint8_t*>(&word_) + (sizeof word_ - left_), n);
      left_ -= n;
      to += n;
      size -= n;
    }
  }

  // True when `bytes` are what comes next; moves on either way.
  bool matches(const std::uint8_t* bytes, std::size_t size) {
    std::uint8_t want[4096];
    bool equal = true;
    while (size > 0) {
      const std::size_t n = std::min(size, sizeof want);
      fill(want, n);
      equal = equal && std::memcmp(want, bytes, n) == 0;
      bytes += n;
      size -= n;
    }
    return equal;
  }

 private:
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  std::uint64_t state_;
  std::uint64_t word_ = 0;
  std::size_t left_ = 0;
};

}  // namespace chuantou::bench
