#include "daemon/join_line.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "daemon/proxy_text.hpp"

namespace chuantou::daemon {

namespace {

/// The source address that the system would choose for a far destination. Connecting a UDP socket sends nothing.
std::optional<std::string> sourceAddress(const sockaddr* far, socklen_t size) {
  const int fd = ::socket(far->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  sockaddr_storage own{};
  socklen_t ownSize = sizeof own;
  const bool known =
      ::connect(fd, far, size) == 0 && ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &ownSize) == 0;
  ::close(fd);
  if (!known) return std::nullopt;
  char text[INET6_ADDRSTRLEN] = {};
  const void* address = own.ss_family == AF_INET6
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(&own)->sin6_addr)
                            : static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&own)->sin_addr);
  if (!::inet_ntop(own.ss_family, address, text, sizeof text)) return std::nullopt;
  return text;
}

std::optional<std::string> primaryAddress() {
  // Addresses of the documentation blocks (RFC 5737, RFC 3849): routed by the default route, and nobody's.
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(9);
  ::inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
  if (auto own = sourceAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof v4)) return own;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(9);
  ::inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
  return sourceAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

}  // namespace

std::string joinCommand(const JoinAddress& address, std::string_view token, std::string_view fingerprint) {
  std::string line = "ctc run --server wss://" + hostPort(address.host, address.port);
  if (!token.empty()) line += " --token " + std::string{token};
  if (!fingerprint.empty()) line += " --fingerprint " + std::string{fingerprint};
  return line;
}

std::string reachableHost(const std::string& host) {
  if (host != "0.0.0.0" && host != "::" && !host.empty()) return host;
  if (auto address = primaryAddress()) return *address;
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0') return name;
  return "localhost";
}

bool isLoopbackHost(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace chuantou::daemon
