#include "engine/client/stream_pump.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "net/socket_io.hpp"
#include "net/socket_options.hpp"

namespace chuantou::engine {

namespace {
using Verdict = net::PumpGate::Verdict;

/// Rounds in one turn of the event loop, after which other connections have theirs.
constexpr int kRoundsPerTurn = 8;
/// Read, encrypted and sent in one go: eight records of TLS.
constexpr std::size_t kBatch = 128 * 1024;
/// A read shorter than this has most likely emptied the socket: waiting is cheaper than asking again.
constexpr std::size_t kShortRead = 16 * 1024;
/// After a reset the other side stops at once; what was under way until then is less than this.
constexpr std::size_t kMostDiscarded = 32 * 1024 * 1024;
}  // namespace

void StreamPump::start(std::shared_ptr<AnswerGate> gate) {
  gate_ = std::move(gate);
  gatePassed_ = gate_ == nullptr;
  runUp();
  if (done_) runDown();
}

std::optional<net::TcpSocket> StreamPump::releaseLocal() {
  if (!done_ || gatePassed_ || up_ > 0 || line_.sentLast()) return std::nullopt;
  done_ = nullptr;
  net::ErrorCode ignored;
  local_.cancel(ignored);
  gate_.reset();
  return std::move(local_);
}

void StreamPump::waitLocal(net::TcpSocket::wait_type what, void (StreamPump::*then)()) {
  local_.async_wait(what, [self = shared_from_this(), then](const net::ErrorCode& ec) {
    if (!ec && self->done_) (self.get()->*then)();
  });
}

void StreamPump::waitLine(bool readable, void (StreamPump::*then)()) {
  auto go = [self = shared_from_this(), then](const net::ErrorCode& ec) {
    if (!self->done_) return;
    if (ec) return self->finish(net::PumpEnd::reset, false);
    (self.get()->*then)();
  };
  if (readable) {
    line_.waitReadable(std::move(go));
  } else {
    line_.waitWritable(std::move(go));
  }
}

// --------------------------------------------------------------------------- up

void StreamPump::runUp() {
  if (!done_) return;
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    switch (line_.flush()) {
      case FrameLine::State::wouldBlock:
        return waitLine(false, &StreamPump::runUp);
      case FrameLine::State::ok:
        break;
      default:
        return finish(net::PumpEnd::reset, false);
    }
    if (line_.sentLast()) return checkOver();
    const auto scratch = thread_.scratch().first(SecureLine::kRoom + kBatch);
    const ssize_t n = ::recv(local_.native_handle(), scratch.data() + SecureLine::kRoom, kBatch, 0);
    if (n < 0 && net::wouldBlock(errno)) return waitLocal(net::TcpSocket::wait_read, &StreamPump::runUp);
    if (n < 0) return giveUp();
    if (n == 0) {
      if (!line_.sendLast(wire::FrameType::fin)) return finish(net::PumpEnd::reset, false);
      watchForReset();
      continue;
    }
    const auto size = static_cast<std::size_t>(n);
    up_ += size;
    if (line_.write(scratch.first(SecureLine::kRoom + size)) != FrameLine::State::ok) return finish(net::PumpEnd::reset, false);
    if (size < kShortRead && line_.queued() == 0) return waitLocal(net::TcpSocket::wait_read, &StreamPump::runUp);
  }
  asio::post(thread_.context(), [self = shared_from_this()] { self->runUp(); });
}

/// Nobody reads a local side that has ended, so that a later reset would go unseen while the other direction is silent.
void StreamPump::watchForReset() {
  local_.async_wait(net::TcpSocket::wait_error, [self = shared_from_this()](const net::ErrorCode& ec) {
    if (ec || !self->done_ || self->localGone_) return;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(self->local_.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) self->giveUp();
  });
}

/// The local side was reset: the other side is told, and the carrier waits for its word.
void StreamPump::giveUp() {
  if (std::exchange(localGone_, true)) return;
  net::closeWithReset(local_);
  std::vector<std::uint8_t>{}.swap(leftover_);
  // After a FIN the other side needs no RESET to end its direction, but it might go on for long.
  if (line_.sentLast()) return line_.gotLast() ? checkOver() : finish(net::PumpEnd::reset, false);
  if (!line_.sendLast(wire::FrameType::reset)) return finish(net::PumpEnd::reset, false);
  if (line_.queued() > 0) waitLine(false, &StreamPump::runUp);
  checkOver();
  if (done_) runDown();
}

// ------------------------------------------------------------------------- down

/// False: wait, or all over.
bool StreamPump::passGate() {
  while (gate_) {
    Frame frame;
    switch (line_.readFrame(frame)) {
      case FrameLine::State::wouldBlock:
        waitLine(true, &StreamPump::runDown);
        return false;
      case FrameLine::State::ok:
        break;
      default: {
        const auto gate = std::exchange(gate_, nullptr);
        gate->onEndedUnanswered();  // it may call releaseLocal()
        finish(net::PumpEnd::reset, false);
        return false;
      }
    }
    const auto gate = gate_;
    switch (gate->onFrame(frame)) {
      case Verdict::wait:
        continue;
      case Verdict::pass:
        gatePassed_ = true;
        gate_.reset();
        return done_ != nullptr;
      case Verdict::fail:
        finish(net::PumpEnd::reset, false);
        return false;
    }
  }
  return true;
}

/// False: the rest waits until the local side takes it.
bool StreamPump::deliver(std::span<const std::uint8_t> bytes) {
  const std::ptrdiff_t sent = net::sendSome(local_.native_handle(), bytes);
  if (sent < 0) {
    giveUp();
    return false;
  }
  down_ += static_cast<std::uint64_t>(sent);
  if (static_cast<std::size_t>(sent) == bytes.size()) return true;
  leftover_.assign(bytes.begin() + sent, bytes.end());
  waitLocal(net::TcpSocket::wait_write, &StreamPump::runDown);
  return false;
}

void StreamPump::runDown() {
  if (!done_) return;
  if (localGone_) return discardRest();
  if (!passGate()) return;
  if (!leftover_.empty()) {
    const auto bytes = std::exchange(leftover_, {});
    if (!deliver(bytes)) return;
  }
  if (line_.gotLast()) return;
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    const auto scratch = thread_.scratch().first(kBatch);
    const auto read = line_.read(scratch);
    switch (read.state) {
      case SecureLine::Read::State::ok:
        if (!deliver(scratch.first(read.bytes))) return;
        continue;
      case SecureLine::Read::State::wouldBlock:
        return waitLine(true, &StreamPump::runDown);
      case SecureLine::Read::State::fin: {
        net::ErrorCode ignored;
        local_.shutdown(net::TcpSocket::shutdown_send, ignored);
        return checkOver();
      }
      case SecureLine::Read::State::reset:
        return giveUp();
      case SecureLine::Read::State::broken:
        return finish(net::PumpEnd::reset, false);
    }
  }
  asio::post(thread_.context(), [self = shared_from_this()] { self->runDown(); });
}

/// Until the other side has said its last frame, after which the carrier is free.
void StreamPump::discardRest() {
  while (done_ && !line_.gotLast()) {
    const auto scratch = thread_.scratch().first(kBatch);
    SecureLine::Read read{};
    if (gate_) {
      Frame frame;  // the answer may still be on its way: whatever it is, the stream ends
      switch (line_.readFrame(frame)) {
        case FrameLine::State::wouldBlock:
          return waitLine(true, &StreamPump::runDown);
        case FrameLine::State::ok:
          if (frame.header.type == wire::FrameType::accept) {
            gate_.reset();
            continue;
          }
          [[fallthrough]];
        default:
          return finish(net::PumpEnd::reset, false);
      }
    }
    read = line_.read(scratch);
    discarded_ += read.bytes;
    if (read.state == SecureLine::Read::State::wouldBlock) return waitLine(true, &StreamPump::runDown);
    if (read.state == SecureLine::Read::State::broken || discarded_ > kMostDiscarded) return finish(net::PumpEnd::reset, false);
  }
  checkOver();
}

void StreamPump::checkOver() {
  if (!done_ || !line_.sentLast() || !line_.gotLast() || !leftover_.empty()) return;
  if (line_.queued() > 0) return waitLine(false, &StreamPump::runUp);
  finish(localGone_ ? net::PumpEnd::reset : net::PumpEnd::finished, true);
}

void StreamPump::finish(net::PumpEnd end, bool free) {
  if (!done_) return;
  const Done done = std::exchange(done_, nullptr);
  const auto self = shared_from_this();
  if (end == net::PumpEnd::finished) {
    net::ErrorCode ignored;
    local_.close(ignored);
  } else if (!localGone_) {
    net::closeWithReset(local_);
  }
  std::vector<std::uint8_t>{}.swap(leftover_);
  gate_.reset();
  net::ErrorCode ignored;
  if (!free) line_.socket().close(ignored);
  done(net::PumpResult{end, up_, down_, gatePassed_}, free);
  owner_.reset();
}

}  // namespace chuantou::engine
