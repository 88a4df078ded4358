// Where cores get chance from: handed in, so that tests can repeat themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace chuantou {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  /// Fills with bytes that nobody can guess (in tests: that a seed repeats).
  virtual void fill(std::span<std::uint8_t> out) = 0;

  std::uint64_t next() {
    std::uint8_t bytes[8];
    fill(bytes);
    std::uint64_t v = 0;
    for (const std::uint8_t b : bytes) v = v << 8 | b;
    return v;
  }
};

}  // namespace chuantou
