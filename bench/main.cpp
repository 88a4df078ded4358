// chuantou-bench: measures the tunnel beside a direct connection, a chain of splice relays and other people's programs.

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "comparison.hpp"
#include "report.hpp"
#include "rivals.hpp"
#include "settings.hpp"
#include "supervisor.hpp"
#include "system.hpp"

namespace {

namespace fs = std::filesystem;
using namespace chuantou::bench;

// As many connections as the user may have; what we start inherits it.
void raiseFileLimit() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

fs::path makeFolder() {
  std::string path = fs::temp_directory_path() / "chuantou-bench-XXXXXX";
  if (!::mkdtemp(path.data())) throw systemFailure(fmt::format("make {}", path));
  return path;
}

// Everything that is there to be measured; what is missing goes to `missing`.
std::vector<Recipe> collectRecipes(const Settings& settings, std::vector<std::string>& missing) {
  std::vector<Recipe> recipes{directRecipe(), spliceRecipe()};
  if (fs::exists(settings.programs / "cts") && fs::exists(settings.programs / "ctc"))
    recipes.push_back(chuantouRecipe(settings.programs));
  else
    missing.push_back(fmt::format("chuantou is left out: no cts and ctc in {}; say where they are with --bin",
                                  settings.programs.string()));
  for (const std::string& rival : settings.rivals) try {
      recipes.push_back(rivalRecipe(rival));
    } catch (const Failure& failure) {
      missing.push_back(fmt::format("{} is left out: {}", rival, failure.what()));
    }
  return recipes;
}

int runComparison(const Settings& settings, const fs::path& folder) try {
  std::vector<std::string> missing;
  const std::vector<Recipe> recipes = collectRecipes(settings, missing);
  for (const std::string& line : missing) fmt::print(stderr, "{}\n", line);
  Report report = compare(recipes, settings, folder);
  report.remarks.insert(report.remarks.begin(), missing.begin(), missing.end());
  printTable(report, settings);
  if (!settings.json.empty()) writeJson(report, settings, settings.json);
  return report.failed || !missing.empty() ? 1 : 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "chuantou-bench: {}\n", error.what());
  return 1;
}

Port portArgument(const char* text) { return static_cast<Port>(std::atoi(text)); }

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6 && std::string_view(argv[1]) == "--role")  // started by ourselves
    return runRole(argv[2], portArgument(argv[3]), {portArgument(argv[4]), portArgument(argv[5])});

  const CommandLine line = parseCommandLine(argc, argv);
  if (!line.settings) return line.status;
  raiseFileLimit();
  try {
    const fs::path folder = makeFolder();
    const int status = runSupervised([&] { return runComparison(*line.settings, folder); });
    fs::remove_all(folder);
    return status;
  } catch (const std::exception& error) {
    fmt::print(stderr, "chuantou-bench: {}\n", error.what());
    return 1;
  }
}
