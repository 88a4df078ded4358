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
  explicit Failure(std::string message, int exitCode = kExitFailed, std::string code = {})
      : std::runtime_error(std::move(message)), exitCode_(exitCode), code_(std::move(code)) {}
  int exitCode() const noexcept { return exitCode_; }
  /// Of the daemon's answer, as errcName() has it; empty: it did not come from there.
  const std::string& code() const noexcept { return code_; }

 private:
  int exitCode_;
  std::string code_;
};

}  // namespace chuantou::daemon
