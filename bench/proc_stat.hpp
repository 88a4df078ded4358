#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

namespace chuantou::bench {

// What /proc/PID/stat says of one process (proc(5)).
struct ProcStat {
  pid_t parent = 0;
  double cpuSeconds = 0;  // user + system, of the process and of children that it has waited for

  // Nothing when there is no such process.
  static std::optional<ProcStat> read(pid_t pid);
};

// User and system seconds that these processes have used.
double cpuSeconds(const std::vector<pid_t>& pids);

// Proportional set size over these processes, in KB: a page that n processes share counts 1/n in each.
double pssKilobytes(const std::vector<pid_t>& pids);

// The processor seconds that the whole machine has spent on work since it started.
double machineBusySeconds();

}  // namespace chuantou::bench
