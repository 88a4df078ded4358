// Chance that nobody can guess, from OpenSSL's generator.
#pragma once

#include <array>

#include "base/random.hpp"

namespace chuantou::net {

class SystemRandom final : public RandomSource {
 public:
  /// On one thread. Throws Error(system_error) where the system gives no entropy: nothing secret could be made then.
  void fill(std::span<std::uint8_t> out) override;

 private:
  // Keys are short and many: the generator is asked for some at once. What was given out is wiped.
  std::array<std::uint8_t, 512> store_{};
  std::size_t left_ = 0;
};

}  // namespace chuantou::net
