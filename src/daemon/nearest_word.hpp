// "Did you mean …?"
#pragma once

#include <span>
#include <string_view>

namespace chuantou::daemon {

/// The word with the fewest changed, missing, added or swapped letters; empty where none is near.
std::string_view nearestWord(std::string_view wrong, std::span<const std::string_view> words);

}  // namespace chuantou::daemon
