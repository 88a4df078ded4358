#include "net/socket_options.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace chuantou::net {

namespace {
void set(int fd, int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); }
}  // namespace

namespace {
void setKeepAlive(int fd) {
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 3);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
#endif
}
void setDataOptions(int fd) {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  setKeepAlive(fd);
}
}  // namespace

void prepareListening(Acceptor& acceptor) { setDataOptions(acceptor.native_handle()); }

void prepareAccepted(TcpSocket& socket) {
  ErrorCode ignored;
  socket.non_blocking(true, ignored);
#ifndef __linux__
  setDataOptions(socket.native_handle());
#endif
}

void openForDial(TcpSocket& socket, const TcpEndpoint& to) {
  ErrorCode ec;
  socket.open(to.protocol(), ec);
  if (ec) return;  // connecting will say the same
  socket.non_blocking(true, ec);
  set(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (!to.address().is_loopback()) setKeepAlive(socket.native_handle());
}

void closeWithReset(TcpSocket& socket) noexcept {
  if (!socket.is_open()) return;
  ErrorCode ignored;
  const linger reset{1, 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  socket.close(ignored);
}

void enlargeUdpBuffers(UdpSocket& socket) {
  constexpr int kBytes = 4 << 20;
  const int fd = socket.native_handle();
#ifdef SO_RCVBUFFORCE
  // Root may pass net.core.rmem_max.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kBytes, sizeof kBytes) != 0)
#endif
    set(fd, SOL_SOCKET, SO_RCVBUF, kBytes);
#ifdef SO_SNDBUFFORCE
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kBytes, sizeof kBytes) != 0)
#endif
    set(fd, SOL_SOCKET, SO_SNDBUF, kBytes);
}

}  // namespace chuantou::net
