#include "supervisor.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "process.hpp"

namespace chuantou::bench {
namespace {

// Reaps what has ended; returns true, with `status`, once `body` is among it.
bool reap(pid_t body, int& status) {
  bool over = false;
  int how = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &how, WNOHANG)) > 0;) {
    if (pid != body) continue;
    over = true;
    status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
  }
  return over;
}

void endAllDescendants() {
  for (int round = 0; round < 5; ++round) {  // again: one that was just ending may have left orphans
    std::vector<pid_t> left = withDescendants({::getpid()});
    std::erase(left, ::getpid());
    if (left.empty()) return;
    endProcesses(left);
    int status = 0;
    reap(0, status);
  }
}

}  // namespace

int runSupervised(const std::function<int()>& body) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t wanted;
  sigset_t before;
  sigemptyset(&wanted);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, signal);
  ::sigprocmask(SIG_BLOCK, &wanted, &before);
  const pid_t self = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    std::perror("fork");
    return 1;
  }
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != self) ::_exit(1);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    const int status = body();
    std::fflush(nullptr);
    ::_exit(status);
  }
  int status = 1;
  for (bool over = false; !over;) {
    int signal = 0;
    ::sigwait(&wanted, &signal);
    if (signal == SIGCHLD)
      over = reap(child, status);
    else
      ::kill(child, SIGTERM);
  }
  endAllDescendants();
  return status;
}

}  // namespace chuantou::bench
