#pragma once

#include <filesystem>
#include <vector>

#include "report.hpp"
#include "settings.hpp"
#include "system.hpp"

namespace chuantou::bench {

// Runs every work that the settings ask for on every system in turn, round after round. `folder` is empty and ours.
// What fails becomes a remark; throws Failure only when the target service itself can't run.
Report compare(const std::vector<Recipe>& recipes, const Settings& settings, const std::filesystem::path& folder);

}  // namespace chuantou::bench
