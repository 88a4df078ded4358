#include "process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "proc_stat.hpp"

namespace chuantou::bench {
namespace {

namespace fs = std::filesystem;

constexpr Seconds kPatienceWithTerm{2};
constexpr Milliseconds kBetweenConnects{10};

Fd openHandle(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

bool awaitReadable(int fd, Time deadline) {
  pollfd wanted{fd, POLLIN, 0};
  return ::poll(&wanted, 1, pollTimeout(deadline)) > 0;
}

// In the child: only async-signal-safe calls until exec, but we have one thread, so that is no worry.
[[noreturn]] void become(const Command& command, int output, int log, pid_t parent, const fs::path& folder) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  ::setsid();                               // a Ctrl-C at the terminal is for us alone
  std::signal(SIGPIPE, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  if (::chdir(folder.c_str()) != 0) ::_exit(127);
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  const std::string why = fmt::format("{}: {}\n", command[0], std::strerror(errno));
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, why.data(), why.size());
  ::_exit(127);
}

std::string lastLine(const fs::path& file) {
  std::ifstream in(file);
  std::string last;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) last = line;
  return last;
}

}  // namespace

Process::Process(const Command& command, const fs::path& folder, std::string_view name)
    : name_(name), log_(folder / fmt::format("{}.log", name)) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw systemFailure("pipe");
  output_ = Fd(ends[0]);
  const Fd theirs(ends[1]);
  const Fd log(::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw systemFailure("fork");
  if (pid_ == 0) become(command, theirs.get(), log.get(), parent, folder);
  handle_ = openHandle(pid_);
}

Process::~Process() {
  if (!handle_) return;  // moved from
  endProcesses(withDescendants({pid_}));
  ::waitpid(pid_, nullptr, 0);
}

bool Process::ended() const { return awaitReadable(handle_.get(), Clock::now()); }

bool Process::readMore(Time deadline) {
  if (!awaitReadable(output_.get(), deadline)) return false;
  char buffer[4096];
  const ssize_t n = ::read(output_.get(), buffer, sizeof buffer);
  if (n <= 0) return false;
  pending_.append(buffer, static_cast<std::size_t>(n));
  for (std::size_t end = 0; (end = pending_.find('\n')) != std::string::npos; pending_.erase(0, end + 1))
    lines_.push_back(pending_.substr(0, end));
  return true;
}

std::string Process::awaitLine(std::string_view prefix, Time deadline) {
  for (std::size_t seen = 0;;) {
    for (; seen < lines_.size(); ++seen)
      if (lines_[seen].starts_with(prefix)) return lines_[seen];
    if (!readMore(deadline)) throw failure(fmt::format("did not print '{}…'", prefix));
  }
}

void Process::awaitTcp(Port port, Time deadline) const {
  for (;;) {
    try {
      connectTcp(port, Milliseconds(1000));
      return;
    } catch (const Failure&) {
      if (Clock::now() > deadline || awaitReadable(handle_.get(), std::min(deadline, Clock::now() + kBetweenConnects)))
        throw failure(fmt::format("does not accept on port {}", number(port)));
    }
  }
}

void Process::awaitSuccess(Time deadline) {
  if (!awaitReadable(handle_.get(), deadline)) throw failure("did not end in time");
  siginfo_t how{};
  ::waitid(P_PID, static_cast<id_t>(pid_), &how, WEXITED | WNOWAIT);
  if (how.si_code != CLD_EXITED || how.si_status != 0) throw failure("failed");
}

Failure Process::failure(const std::string& what) const {
  const std::string words = lastLine(log_);
  return Failure(
      fmt::format("{} {}{}{}{}", name_, ended() ? "ended: it " : "", what, words.empty() ? "" : ": ", words));
}

std::vector<pid_t> withDescendants(const std::vector<pid_t>& roots) {
  std::multimap<pid_t, pid_t> children;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) continue;
    if (const auto stat = ProcStat::read(pid)) children.emplace(stat->parent, pid);
  }
  std::vector<pid_t> all;
  for (const pid_t root : roots)
    if (::kill(root, 0) == 0) all.push_back(root);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto [first, end] = children.equal_range(all[i]);
    for (auto child = first; child != end; ++child) all.push_back(child->second);
  }
  return all;
}

void endProcesses(const std::vector<pid_t>& pids) {
  std::vector<std::pair<pid_t, Fd>> left;
  for (const pid_t pid : pids)
    if (Fd handle = openHandle(pid)) left.emplace_back(pid, std::move(handle));
  for (const int signal : {SIGTERM, SIGKILL}) {
    for (const auto& [pid, handle] : left) ::syscall(SYS_pidfd_send_signal, handle.get(), signal, nullptr, 0);
    const Time deadline = after(kPatienceWithTerm);
    std::erase_if(left, [deadline](const auto& process) { return awaitReadable(process.second.get(), deadline); });
  }
}

fs::path findProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path ? path : "") +
                             ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    fs::path candidate = fs::path(folder) / name;
    if (::access(candidate.c_str(), X_OK) == 0 && !fs::is_directory(candidate)) return candidate;
  }
  return {};
}

}  // namespace chuantou::bench
