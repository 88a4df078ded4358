// Chance that repeats: the same seed gives the same bytes on every machine.
#pragma once

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string_view>

#include "base/random.hpp"

namespace chuantou::test {

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

  void fill(std::span<std::uint8_t> out) override {
    for (std::size_t i = 0; i < out.size(); i += 8) {
      const std::uint64_t word = step();
      for (std::size_t j = i; j < out.size() && j < i + 8; ++j) out[j] = static_cast<std::uint8_t>(word >> 8 * (j - i));
    }
  }
  /// Uniform enough in [0, limit).
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(step() % limit); }

 private:
  std::uint64_t step() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

/// A seed for a random test: CHUANTOU_TEST_SEED, or a new one; printed, so that a failure can be repeated.
inline std::uint64_t testSeed(const char* test) {
  std::uint64_t seed = 0;
  const char* text = std::getenv("CHUANTOU_TEST_SEED");
  if (text == nullptr || std::from_chars(text, text + std::strlen(text), seed).ec != std::errc{}) {
    seed = std::random_device{}();
  }
  std::printf("%s: CHUANTOU_TEST_SEED=%llu\n", test, static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

}  // namespace chuantou::test
