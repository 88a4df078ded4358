#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace chuantou::relay {

/// The present, as handed to the broker: for deadlines, and for people.
struct Now {
  TimePoint at{};
  std::int64_t unixMs = 0;
};

}  // namespace chuantou::relay
