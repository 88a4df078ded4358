// Reading and writing a socket that does not block, by its descriptor.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

namespace chuantou::net {

#ifdef MSG_MORE
/// More follows at once: the system may keep the bytes for 200 ms, to send them with what follows.
inline constexpr int kMoreFollows = MSG_MORE;
#else
inline constexpr int kMoreFollows = 0;
#endif

inline bool wouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

/// As much as the socket takes now; negative when it is broken.
inline std::ptrdiff_t sendSome(int fd, std::span<const std::uint8_t> bytes, int flags = 0) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | flags);
    if (n < 0 && wouldBlock(errno)) break;
    if (n < 0) return -1;
    sent += static_cast<std::size_t>(n);
  }
  return static_cast<std::ptrdiff_t>(sent);
}

}  // namespace chuantou::net
