#include "base/backoff.hpp"

#include <algorithm>

namespace chuantou {

Millis Backoff::next(RandomSource& random, Millis most) {
  const auto ceiling = static_cast<std::uint64_t>(std::max<Millis::rep>(std::min(ceiling_, most).count(), 1));
  const auto floor = ceiling / 10;
  const auto wait = floor + random.next() % (ceiling - floor + 1);
  ceiling_ = std::min(max_, ceiling_ * 2);
  return Millis{static_cast<Millis::rep>(wait)};
}

}  // namespace chuantou
