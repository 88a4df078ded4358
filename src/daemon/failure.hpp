// How a command of the programs ends badly: a sentence for the person and an exit code for the script.
#pragma once

#include <stdexcept>
#include <string>

namespace chuantou::daemon {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

class Failure : public std::runtime_error {
 public:
  explicit Failure(std::string message, int exitCode = kExitFailed)
      : std::runtime_error(std::move(message)), exitCode_(exitCode) {}
  int exitCode() const noexcept { return exitCode_; }

 private:
  int exitCode_;
};

}  // namespace chuantou::daemon
