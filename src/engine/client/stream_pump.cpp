#include "engine/client/stream_pump.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "net/socket_io.hpp"
#include "net/socket_options.hpp"

namespace chuantou::engine {

namespace {
/// Rounds in one turn of the event loop, after which other connections have theirs.
constexpr int kRoundsPerTurn = 8;
constexpr std::size_t kBatch = 128 * 1024;
/// A read shorter than this has most likely emptied the socket: waiting is cheaper than asking again.
constexpr std::size_t kShortRead = 16 * 1024;
}  // namespace

void StreamPump::start() {
  stream_->onLost([self = shared_from_this()] { self->finish(net::PumpEnd::reset); });
  runUp();
  if (done_) runDown();
}

void StreamPump::waitLocal(net::TcpSocket::wait_type what, void (StreamPump::*then)()) {
  local_.async_wait(what, [self = shared_from_this(), then](const net::ErrorCode& ec) {
    if (!ec && self->done_) (self.get()->*then)();
  });
}

void StreamPump::waitStream(bool readable, void (StreamPump::*then)()) {
  auto go = [self = shared_from_this(), then] {
    if (self->done_) (self.get()->*then)();
  };
  if (readable) {
    stream_->waitReadable(std::move(go));
  } else {
    stream_->waitWritable(std::move(go));
  }
}

void StreamPump::runUp() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (!done_ || upEnded_) return;
    if (stream_->lost()) return finish(net::PumpEnd::reset);
    const auto room = stream_->reserve();
    if (room.empty()) {
      watchForReset();
      return waitStream(false, &StreamPump::runUp);
    }
    const ssize_t n = ::recv(local_.native_handle(), room.data(), room.size(), 0);
    if (n < 0 && net::wouldBlock(errno)) return waitLocal(net::TcpSocket::wait_read, &StreamPump::runUp);
    if (n < 0) return giveUp(net::PumpEnd::reset);
    if (n == 0) {
      upEnded_ = true;
      stream_->finish();
      watchForReset();
      return checkOver();
    }
    const auto size = static_cast<std::size_t>(n);
    up_ += size;
    stream_->commit(size);
    if (size < kShortRead && done_ && !stream_->congested()) return waitLocal(net::TcpSocket::wait_read, &StreamPump::runUp);
  }
  asio::post(thread_.context(), [self = shared_from_this()] { self->runUp(); });
}

/// A local side that has ended, or that there is no room for, is not read: its reset would go unseen.
void StreamPump::watchForReset() {
  if (!done_ || watching_) return;
  watching_ = true;
  local_.async_wait(net::TcpSocket::wait_error, [self = shared_from_this()](const net::ErrorCode& ec) {
    self->watching_ = false;
    if (ec || !self->done_) return;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(self->local_.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) self->giveUp(net::PumpEnd::reset);
  });
}

/// False: the rest waits until the local side takes it.
bool StreamPump::deliver(std::span<const std::uint8_t> bytes) {
  const std::ptrdiff_t sent = net::sendSome(local_.native_handle(), bytes);
  if (sent < 0) {
    giveUp(net::PumpEnd::reset);
    return false;
  }
  down_ += static_cast<std::uint64_t>(sent);
  if (static_cast<std::size_t>(sent) == bytes.size()) return true;
  waitLocal(net::TcpSocket::wait_write, &StreamPump::runDown);
  stream_->unread(bytes.subspan(static_cast<std::size_t>(sent)));
  return false;
}

void StreamPump::runDown() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (!done_ || downEnded_) return;
    const auto scratch = thread_.scratch().first(kBatch);
    const auto read = stream_->read(scratch);
    switch (read.state) {
      case CarriedStream::Read::State::ok:
        if (!deliver(scratch.first(read.bytes))) return;
        continue;
      case CarriedStream::Read::State::wouldBlock:
        return waitStream(true, &StreamPump::runDown);
      case CarriedStream::Read::State::fin: {
        downEnded_ = true;
        net::ErrorCode ignored;
        local_.shutdown(net::TcpSocket::shutdown_send, ignored);
        checkOver();
        if (done_) stream_->watchEnd();
        return;
      }
      case CarriedStream::Read::State::lost:
        return finish(net::PumpEnd::reset);
    }
  }
  stream_->readLater([self = shared_from_this()] { self->runDown(); });
}

void StreamPump::checkOver() {
  if (upEnded_ && downEnded_) finish(net::PumpEnd::finished);
}

void StreamPump::giveUp(net::PumpEnd end) {
  if (!done_) return;
  const auto stream = stream_;
  finish(end);
  stream->abort();
}

void StreamPump::finish(net::PumpEnd end) {
  if (!done_) return;
  const Done done = std::exchange(done_, nullptr);
  const auto self = shared_from_this();
  if (end == net::PumpEnd::finished) {
    net::ErrorCode ignored;
    local_.close(ignored);
  } else {
    net::closeWithReset(local_);
  }
  std::exchange(stream_, nullptr)->release();
  done(net::PumpResult{end, up_, down_, true});
}

}  // namespace chuantou::engine
