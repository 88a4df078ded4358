#include "net/proxy_tunnel.hpp"

#include <array>

#include "net/socket_io.hpp"

namespace chuantou::net {

namespace {
constexpr std::size_t kReadSize = 4096;
}

void ProxyTunnel::step() {
  if (!done_) return;
  using State = wire::ProxyHandshake::State;
  unsent_ += handshake_->takeOutput();
  if (!unsent_.empty() && !flush()) return;
  switch (handshake_->state()) {
    case State::open:
      return finish(nullptr);
    case State::failed:
      return finish(&handshake_->failure());
    case State::going:
      break;
  }
  socket_.async_wait(TcpSocket::wait_read, [self = shared_from_this()](const ErrorCode& ec) {
    if (!ec) self->read();
  });
}

/// False: not all of it has left, and step() will be called again, or it is over.
bool ProxyTunnel::flush() {
  const std::span bytes{reinterpret_cast<const std::uint8_t*>(unsent_.data()), unsent_.size()};
  const auto sent = sendSome(socket_.native_handle(), bytes);
  if (sent < 0) {
    const std::string why = "it closed the connection";
    finish(&why);
    return false;
  }
  unsent_.erase(0, static_cast<std::size_t>(sent));
  if (unsent_.empty()) return true;
  socket_.async_wait(TcpSocket::wait_write, [self = shared_from_this()](const ErrorCode& ec) {
    if (!ec) self->step();
  });
  return false;
}

void ProxyTunnel::read() {
  if (!done_) return;
  // Looked at first: what follows the handshake stays in the socket, for whoever gets it.
  std::array<std::uint8_t, kReadSize> bytes;
  const int fd = socket_.native_handle();
  const ssize_t n = ::recv(fd, bytes.data(), bytes.size(), MSG_PEEK);
  if (n < 0 && wouldBlock(errno)) return step();
  if (n <= 0) {
    const std::string why = "it closed the connection";
    return finish(&why);
  }
  const std::size_t taken = handshake_->handle(std::span{bytes}.first(static_cast<std::size_t>(n)));
  if (taken > 0 && ::recv(fd, bytes.data(), taken, 0) != static_cast<ssize_t>(taken)) {
    const std::string why = "the connection broke";
    return finish(&why);
  }
  step();
}

void ProxyTunnel::finish(const std::string* failure) {
  if (const Done done = std::exchange(done_, nullptr)) done(failure, std::move(socket_));
}

void ProxyTunnel::cancel() {
  if (!std::exchange(done_, nullptr)) return;
  ErrorCode ignored;
  socket_.close(ignored);
}

}  // namespace chuantou::net
