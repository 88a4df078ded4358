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
#include "private_network.hpp"
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

// What is to be measured, and what can't be.
struct Field {
  std::vector<Recipe> recipes{directRecipe(), spliceRecipe()};
  std::vector<std::string> missing;
  bool hasSubject = false;
};

Field collectRecipes(const Settings& settings) {
  Field field;
  field.hasSubject = fs::exists(settings.programs / "cts") && fs::exists(settings.programs / "ctc");
  if (field.hasSubject)
    field.recipes.push_back(chuantouRecipe(settings.programs));
  else
    field.missing.push_back(fmt::format("chuantou is left out: no cts and ctc in {}; say where they are with --bin",
                                        settings.programs.string()));
  for (const std::string& rival : settings.rivals) try {
      field.recipes.push_back(rivalRecipe(rival));
    } catch (const Failure& failure) {
      field.missing.push_back(fmt::format("{} is left out: {}", rival, failure.what()));
    }
  return field;
}

int runComparison(const Settings& settings, const fs::path& folder) try {
  const bool isolated = enterPrivateNetwork();
  Field field = collectRecipes(settings);
  if (!isolated) field.missing.emplace_back("no private network: outgoing ports may run out (run it as root)");
  for (const std::string& line : field.missing) fmt::print(stderr, "{}\n", line);
  Report report = compare(field.recipes, settings, folder);
  report.remarks.insert(report.remarks.begin(), field.missing.begin(), field.missing.end());
  printTable(report, settings);
  if (!settings.json.empty()) writeJson(report, settings, settings.json);
  return report.failed || !field.hasSubject ? 1 : 0;
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
