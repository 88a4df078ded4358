#include "private_network.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "fd.hpp"

namespace chuantou::bench {
namespace {

bool write(const char* file, const std::string& text) {
  std::ofstream out(file);
  out << text << std::flush;
  return out.good();
}

// As an ordinary user: a user namespace, where we keep our name and may make networks (user_namespaces(7)).
bool unshareAsUser() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && write("/proc/self/setgroups", "deny") &&
         write("/proc/self/uid_map", fmt::format("{0} {0} 1", user)) &&
         write("/proc/self/gid_map", fmt::format("{0} {0} 1", group));
}

bool bringUpLoopback() {
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return fd && ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

}  // namespace

bool enterPrivateNetwork() {
  const Fd before(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (::unshare(CLONE_NEWNET) != 0 && !unshareAsUser()) return false;
  if (!bringUpLoopback()) {
    ::setns(before.get(), CLONE_NEWNET);
    return false;
  }
  write("/proc/sys/net/ipv4/ip_local_port_range", "10000 65535");  // freePort() takes lower ones
  write("/proc/sys/net/ipv4/tcp_tw_reuse", "1");
  write("/proc/sys/net/ipv4/tcp_tw_reuse_delay", "100");  // ms; since Linux 6.14
  write("/proc/sys/net/core/somaxconn", "8192");
  return true;
}

}  // namespace chuantou::bench
