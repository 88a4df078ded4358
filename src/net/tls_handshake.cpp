#include "net/tls_handshake.hpp"

namespace chuantou::net {

void TlsHandshake::step() {
  if (!done_) return;
  const auto again = [self = shared_from_this()](const ErrorCode& ec) {
    if (!ec) self->step();
  };
  // A long chain of certificates may not fit into the socket's buffer.
  if (socket_->queued() > 0) {
    const auto flushed = socket_->flush();
    if (flushed == TlsSocket::State::wouldBlock) return socket_->waitWritable(again);
    if (flushed != TlsSocket::State::ok) return finish(false);
  }
  switch (socket_->handshake()) {
    case TlsSocket::State::ok:
      return finish(true);
    case TlsSocket::State::wouldBlock:
      if (socket_->queued() > 0) return socket_->waitWritable(again);
      return socket_->waitReadable(again);
    default:
      return finish(false);
  }
}

void TlsHandshake::finish(bool good) {
  const Done done = std::exchange(done_, nullptr);
  done(std::move(socket_), good);
}

void TlsHandshake::cancel() {
  if (!std::exchange(done_, nullptr)) return;
  ErrorCode ignored;
  socket_->socket().close(ignored);  // and what waits for it is told
}

}  // namespace chuantou::net
