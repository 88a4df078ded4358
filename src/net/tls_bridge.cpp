#include "net/tls_bridge.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "net/loopback_pair.hpp"
#include "net/socket_io.hpp"
#include "net/socket_options.hpp"

namespace chuantou::net {

namespace {
/// Eight records at a time; what one turn leaves over is at most this.
constexpr std::size_t kChunk = 128 * 1024;
constexpr int kRoundsPerTurn = 8;
}  // namespace

TcpSocket TlsBridge::start(IoThread& thread, std::unique_ptr<TlsSocket> outer) {
  LoopbackPair pair{TcpSocket{thread.context()}, TcpSocket{thread.context()}};
  ErrorCode ec;
  if (!makeLoopbackPair(thread.context(), pair, ec)) {
    closeWithReset(outer->socket());
    return TcpSocket{thread.context()};
  }
  const auto bridge = std::make_shared<TlsBridge>(thread, std::move(outer), std::move(pair.b));
  // Bytes may have come with the handshake, which no wait would tell of.
  asio::post(thread.context(), [bridge] {
    bridge->runUp();
    bridge->runDown();
  });
  return std::move(pair.a);
}

void TlsBridge::runUp() {
  if (over_ || upWaits_ || upFinished_) return;
  const auto wake = [self = shared_from_this()](const ErrorCode& ec) {
    self->upWaits_ = false;
    if (!ec) self->runUp();
  };
  upWaits_ = true;
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    switch (stepUp()) {
      case Step::again:
        continue;
      case Step::wantInner:
        return inner_.async_wait(TcpSocket::wait_read, wake);
      case Step::wantOuter:
        return outer_->waitWritable(wake);
      case Step::broken:
        return abort();
      case Step::finished:
        upFinished_ = true;
        watchForReset(inner_);
        return finishIfDone();
    }
  }
  asio::post(thread_.context(), [wake] { wake({}); });
}

TlsBridge::Step TlsBridge::stepUp() {
  if (outer_->queued() > 0) {
    const auto flushed = outer_->flush();
    if (flushed == TlsSocket::State::wouldBlock) return Step::wantOuter;
    if (flushed != TlsSocket::State::ok) return Step::broken;
  }
  if (upEnded_) return Step::finished;
  const auto chunk = thread_.scratch().first(kChunk);
  const ssize_t n = ::recv(inner_.native_handle(), chunk.data(), chunk.size(), 0);
  if (n < 0) return wouldBlock(errno) ? Step::wantInner : Step::broken;
  if (n == 0) {
    outer_->sayGoodbye();
    upEnded_ = true;
    return Step::again;
  }
  const auto written = outer_->write(chunk.first(static_cast<std::size_t>(n)));
  return written == TlsSocket::State::ok ? Step::again : Step::broken;
}

void TlsBridge::runDown() {
  if (over_ || downFinished_) return;
  const auto wake = [self = shared_from_this()](const ErrorCode& ec) {
    if (!ec) self->runDown();
  };
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    switch (stepDown()) {
      case Step::again:
        continue;
      case Step::wantInner:
        return inner_.async_wait(TcpSocket::wait_write, wake);
      case Step::wantOuter:
        return outer_->waitReadable(wake);
      case Step::broken:
        return abort();
      case Step::finished: {
        downFinished_ = true;
        ErrorCode ignored;
        if (!upFinished_) inner_.shutdown(TcpSocket::shutdown_send, ignored);  // else closing says it
        watchForReset(outer_->socket());
        return finishIfDone();
      }
    }
  }
  asio::post(thread_.context(), [wake] { wake({}); });
}

TlsBridge::Step TlsBridge::stepDown() {
  if (!leftover_.empty()) {
    const auto sent = sendToInner(leftover_);
    if (sent < 0) return Step::broken;
    leftover_.erase(leftover_.begin(), leftover_.begin() + sent);
    if (!leftover_.empty()) return Step::wantInner;
    std::vector<std::uint8_t>{}.swap(leftover_);
  }
  const auto chunk = thread_.scratch().first(kChunk);
  const std::size_t before = outer_->queued();
  const auto read = outer_->read(chunk);
  if (outer_->queued() > before) flushOuter();  // it was asked for a new key, or had to complain
  switch (read.state) {
    case TlsSocket::State::wouldBlock:
      return Step::wantOuter;
    case TlsSocket::State::ended:
      return Step::finished;
    case TlsSocket::State::broken:
      return Step::broken;
    case TlsSocket::State::ok:
      break;
  }
  const auto bytes = chunk.first(read.bytes);
  const auto sent = sendToInner(bytes);
  if (sent < 0) return Step::broken;
  if (static_cast<std::size_t>(sent) == bytes.size()) return Step::again;
  leftover_.assign(bytes.begin() + sent, bytes.end());
  return Step::wantInner;
}

/// As much as the socket takes now; negative when it is broken.
std::ptrdiff_t TlsBridge::sendToInner(std::span<const std::uint8_t> bytes) {
  const ssize_t n = ::send(inner_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return n < 0 && wouldBlock(errno) ? 0 : n;
}

void TlsBridge::flushOuter() {
  if (over_ || flushWaits_ || outer_->flush() != TlsSocket::State::wouldBlock) return;
  flushWaits_ = true;
  outer_->waitWritable([self = shared_from_this()](const ErrorCode& ec) {
    self->flushWaits_ = false;
    if (!ec) self->flushOuter();
  });
}

/// Nobody reads a side that has ended, so that a later reset would go unseen while the other direction is silent.
void TlsBridge::watchForReset(TcpSocket& socket) {
  socket.async_wait(TcpSocket::wait_error, [self = shared_from_this(), &socket](const ErrorCode& ec) {
    if (ec || self->over_) return;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) self->abort();
  });
}

void TlsBridge::finishIfDone() {
  if (over_ || !upFinished_ || !downFinished_) return;
  over_ = true;
  ErrorCode ignored;
  outer_->socket().close(ignored);
  inner_.close(ignored);
}

void TlsBridge::abort() {
  if (std::exchange(over_, true)) return;
  std::vector<std::uint8_t>{}.swap(leftover_);
  closeWithReset(outer_->socket());
  closeWithReset(inner_);
}

}  // namespace chuantou::net
