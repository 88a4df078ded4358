#include "proc_stat.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace chuantou::bench {
namespace {

double tickSeconds() {
  static const double seconds = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return seconds;
}

}  // namespace

std::optional<ProcStat> ProcStat::read(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  const std::size_t nameEnd = text.rfind(')');  // a program's name may hold spaces and brackets
  if (nameEnd == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(nameEnd + 1));
  ProcStat stat;
  std::string skipped;
  fields >> skipped >> stat.parent;
  for (int field = 5; field < 14; ++field) fields >> skipped;
  double ticks = 0;
  double part = 0;
  for (int field = 14; field < 18 && fields >> part; ++field) ticks += part;  // utime, stime, cutime, cstime
  stat.cpuSeconds = ticks * tickSeconds();
  return stat;
}

double cpuSeconds(const std::vector<pid_t>& pids) {
  double sum = 0;
  for (const pid_t pid : pids)
    if (const auto stat = ProcStat::read(pid)) sum += stat->cpuSeconds;
  return sum;
}

double pssKilobytes(const std::vector<pid_t>& pids) {
  double sum = 0;
  for (const pid_t pid : pids) {
    std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid));
    for (std::string word; file >> word;) {
      double kilobytes = 0;
      if (word == "Pss:" && file >> kilobytes) {
        sum += kilobytes;
        break;
      }
    }
  }
  return sum;
}

double machineBusySeconds() {
  std::ifstream file("/proc/stat");
  std::string label;
  double user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0;
  file >> label >> user >> nice >> system >> idle >> wait >> irq >> softirq;
  return (user + nice + system + irq + softirq) * tickSeconds();
}

}  // namespace chuantou::bench
