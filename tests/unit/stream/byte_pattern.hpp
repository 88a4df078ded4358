// Bytes without end, of which each is known by its position.
#pragma once

#include <cstring>
#include <vector>

#include "support/seeded_random.hpp"

namespace chuantou::test {

/// What a program sends: both ends know it.
class BytePattern {
 public:
  explicit BytePattern(std::uint64_t seed) : table_(kPeriod) { SeededRandom{seed}.fill(table_); }
  void fill(std::uint64_t position, std::span<std::uint8_t> bytes) const {
    each(position, bytes.size(), [&](std::size_t at, std::size_t from, std::size_t n) {
      std::memcpy(bytes.data() + at, table_.data() + from, n);
      return true;
    });
  }
  bool matches(std::uint64_t position, std::span<const std::uint8_t> bytes) const {
    return each(position, bytes.size(), [&](std::size_t at, std::size_t from, std::size_t n) {
      return std::memcmp(bytes.data() + at, table_.data() + from, n) == 0;
    });
  }

 private:
  static constexpr std::size_t kPeriod = 65521;  ///< a prime: no chunk's or window's size
  template <class Do>
  static bool each(std::uint64_t position, std::size_t size, Do&& act) {
    for (std::size_t done = 0; done < size;) {
      const auto from = static_cast<std::size_t>((position + done) % kPeriod);
      const std::size_t n = std::min(size - done, kPeriod - from);
      if (!act(done, from, n)) return false;
      done += n;
    }
    return true;
  }
  std::vector<std::uint8_t> table_;
};

}  // namespace chuantou::test
