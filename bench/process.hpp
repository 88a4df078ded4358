#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "clock.hpp"
#include "fd.hpp"
#include "socket.hpp"

namespace chuantou::bench {

using Command = std::vector<std::string>;

// A program that we run: in a session of its own, ended with this object, and ended by the kernel when we die first.
class Process {
 public:
  // Standard output is kept for awaitLine() and must be short: nobody reads on afterwards. Standard error goes to
  // FOLDER/NAME.log. Throws Failure when it can't fork; a program that can't be executed shows as one that ended.
  Process(const Command& command, const std::filesystem::path& folder, std::string_view name);
  Process(Process&&) = default;
  Process& operator=(Process&&) = delete;
  ~Process();

  pid_t pid() const { return pid_; }
  bool ended() const;

  // The first line of its output, read before or now, that begins with `prefix`. Throws Failure, with the program's
  // last words, when it ends first or the deadline passes.
  std::string awaitLine(std::string_view prefix, Time deadline);
  // Returns when `port` accepts connections. Throws as awaitLine() does.
  void awaitTcp(Port port, Time deadline) const;
  // Waits for the end; throws unless the exit status is 0.
  void awaitSuccess(Time deadline);

  // The failure to report about this program: what did not happen, and its last words.
  Failure failure(const std::string& what) const;

 private:
  bool readMore(Time deadline);

  std::string name_;
  std::filesystem::path log_;
  pid_t pid_ = -1;
  Fd handle_;  // a pidfd: readable once the process has ended
  Fd output_;
  std::string pending_;  // an unfinished line
  std::vector<std::string> lines_;
};

// `roots` that are still there and all that descends from them.
std::vector<pid_t> withDescendants(const std::vector<pid_t>& roots);

// Ends processes, ours or not: SIGTERM, and SIGKILL for those that are still there after two seconds.
void endProcesses(const std::vector<pid_t>& pids);

// A program's full path from PATH and the usual system folders; empty when it isn't installed.
std::filesystem::path findProgram(const std::string& name);

}  // namespace chuantou::bench
