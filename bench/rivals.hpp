#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "system.hpp"

namespace chuantou::bench {

// Names of other people's programs that can be measured beside ours: ssh, nginx, haproxy, socat.
const std::vector<std::string_view>& rivalNames();

// How to start one; throws Failure, saying what to install, where it isn't installed.
Recipe rivalRecipe(std::string_view name);

}  // namespace chuantou::bench
