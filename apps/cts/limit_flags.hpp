// The flags of cts run that set limits.
#pragma once

#include "common/flags.hpp"
#include "cts/options.hpp"

namespace chuantou::apps {

void addLimitFlags(Flags& run, LimitOptions& limits);

}  // namespace chuantou::apps
