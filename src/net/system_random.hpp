// Chance that nobody can guess, from OpenSSL's generator.
#pragma once

#include "base/random.hpp"

namespace chuantou::net {

class SystemRandom final : public RandomSource {
 public:
  /// Throws Error(system_error) where the system gives no entropy: nothing secret could be made then.
  void fill(std::span<std::uint8_t> out) override;
};

}  // namespace chuantou::net
