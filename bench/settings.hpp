#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clock.hpp"

namespace chuantou::bench {

struct Settings {
  std::filesystem::path programs;   // the folder with cts and ctc
  std::vector<std::string> rivals;  // other people's programs to measure too
  std::vector<std::string> only;    // works, or groups of works; empty: all
  Seconds span{2};                  // of one timed step
  int rounds = 3;
  std::size_t connections = 1000;  // held open for the memory figures
  std::filesystem::path json;      // empty: none
};

// What a command line asks for: settings, or to end at once with this exit status.
struct CommandLine {
  std::optional<Settings> settings;
  int status = 0;
};

// Prints help to standard output, mistakes to standard error.
CommandLine parseCommandLine(int argc, char** argv);

}  // namespace chuantou::bench
