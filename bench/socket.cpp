#include "socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <set>

namespace chuantou::bench {
namespace {

constexpr int kBacklog = 4096;
constexpr int kUdpBuffer = 4 << 20;  // bytes; the kernel doubles it for its own bookkeeping
constexpr int kLowestPort = 2000;
constexpr int kHighestPort = 9999;

const sockaddr* raw(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

Fd udpSocket(int flags) {
  Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0));
  if (!fd) throw systemFailure("udp socket");
  for (const int name : {SO_RCVBUF, SO_RCVBUFFORCE, SO_SNDBUF, SO_SNDBUFFORCE})  // the FORCE ones need privilege
    setOption(fd.get(), SOL_SOCKET, name, kUdpBuffer);
  return fd;
}

bool canBind(int type, Port port) {
  const Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const sockaddr_in at = loopback(port);
  return fd && ::bind(fd.get(), raw(at), sizeof at) == 0;
}

}  // namespace

Failure systemFailure(const std::string& operation) {
  return Failure(fmt::format("{}: {}", operation, std::strerror(errno)));
}

sockaddr_in loopback(Port port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

void setOption(int fd, int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); }

Fd tcpSocket() {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw systemFailure("tcp socket");
  setOption(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  return fd;
}

Fd listenTcp(Port port) {
  Fd fd = tcpSocket();
  setOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  const sockaddr_in at = loopback(port);
  if (::bind(fd.get(), raw(at), sizeof at) != 0 || ::listen(fd.get(), kBacklog) != 0)
    throw systemFailure(fmt::format("listen on tcp port {}", number(port)));
  return fd;
}

Fd bindUdp(Port port) {
  Fd fd = udpSocket(SOCK_NONBLOCK);
  const sockaddr_in at = loopback(port);
  if (::bind(fd.get(), raw(at), sizeof at) != 0) throw systemFailure(fmt::format("bind udp port {}", number(port)));
  return fd;
}

Fd connectTcp(Port port, Milliseconds patience) {
  Fd fd = tcpSocket();
  setNonBlocking(fd.get(), false);
  setPatience(fd.get(), patience);
  const sockaddr_in to = loopback(port);
  if (::connect(fd.get(), raw(to), sizeof to) != 0)
    throw systemFailure(fmt::format("connect to tcp port {}", number(port)));
  return fd;
}

Fd connectUdp(Port port, Milliseconds patience) {
  Fd fd = udpSocket(0);
  setPatience(fd.get(), patience);
  const sockaddr_in to = loopback(port);
  if (::connect(fd.get(), raw(to), sizeof to) != 0)
    throw systemFailure(fmt::format("connect to udp port {}", number(port)));
  return fd;
}

Fd beginConnect(Port port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fd;
  setOption(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  const sockaddr_in to = loopback(port);
  if (::connect(fd.get(), raw(to), sizeof to) != 0 && errno != EINPROGRESS) return Fd();
  return fd;
}

void setNonBlocking(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

void setPatience(int fd, Milliseconds patience) {
  const timeval limit{patience.count() / 1000, (patience.count() % 1000) * 1000};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

bool sendAll(int fd, const void* data, std::size_t size) {
  auto at = static_cast<const std::uint8_t*>(data);
  while (size > 0) {
    const ssize_t n = ::send(fd, at, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool receiveAll(int fd, void* data, std::size_t size) {
  auto at = static_cast<std::uint8_t*>(data);
  while (size > 0) {
    const ssize_t n = ::recv(fd, at, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

Port freePort() {
  static std::mt19937 random{std::random_device{}()};
  static std::set<Port> given;
  std::uniform_int_distribution<int> candidates(kLowestPort, kHighestPort);
  for (int tries = 0; tries < 1000; ++tries) {
    const auto port = static_cast<Port>(candidates(random));
    if (canBind(SOCK_STREAM, port) && canBind(SOCK_DGRAM, port) && given.insert(port).second) return port;
  }
  throw Failure(fmt::format("no free port between {} and {} on 127.0.0.1", kLowestPort, kHighestPort));
}

}  // namespace chuantou::bench
