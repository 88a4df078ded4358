// The folder where a program keeps its state, and files in it that are whole or absent, never half.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "chuantou/error.hpp"

namespace chuantou::daemon {

/// $XDG_STATE_HOME/chuantou/PROGRAM, or ~/.local/state/chuantou/PROGRAM. Throws Failure where no home is known.
std::string defaultDataDir(std::string_view program, Language language);

/// Replaces `path` by a file of mode 0600 with this content: a reader, also one after a crash or a power cut, sees the
/// old content or the new one. Throws std::system_error; then nothing has changed.
void writeFileAtomically(const std::string& path, std::string_view content);
/// Nothing where the file is missing. Throws std::system_error, also (file_too_large) above `limit` bytes.
std::optional<std::string> readFile(const std::string& path, std::size_t limit);

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
