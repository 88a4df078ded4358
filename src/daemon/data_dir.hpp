// The folder where a program keeps its state.
#pragma once

#include <string>
#include <string_view>

#include "chuantou/error.hpp"

namespace chuantou::daemon {

/// $XDG_STATE_HOME/chuantou/PROGRAM, or ~/.local/state/chuantou/PROGRAM. Throws Failure where no home is known.
std::string defaultDataDir(std::string_view program, Language language);

/// A state folder in use by this process.
class DataDir {
 public:
  /// Makes the folder (0700) with its parents where missing. Throws std::system_error.
  explicit DataDir(std::string path);
  ~DataDir();
  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

  /// True when no other process has it; the system gives it up when this process ends, however it ends.
  bool lock();
  const std::string& path() const noexcept { return path_; }
  std::string file(std::string_view name) const;

 private:
  std::string path_;
  int lockFd_ = -1;
};

}  // namespace chuantou::daemon
