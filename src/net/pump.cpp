#include "net/pump.hpp"

#include <fcntl.h>

#include <cerrno>

#include "net/socket_io.hpp"
#include "net/socket_options.hpp"

namespace chuantou::net {

namespace {
/// Rounds in one turn of the event loop, after which other connections have theirs.
constexpr int kRoundsPerTurn = 16;
/// A read shorter than this has most likely emptied the socket: waiting is cheaper than asking again.
constexpr std::size_t kShortRead = 16 * 1024;
}  // namespace

Pump::Pump(IoThread& thread, TcpSocket a, TcpSocket b, Done done)
    : thread_(thread), a_(std::move(a)), b_(std::move(b)), done_(std::move(done)) {}

Pump::~Pump() {
  for (Direction& d : directions_) PipePool::close(d.pipe);
}

void Pump::start(std::shared_ptr<PumpGate> gate, std::vector<std::uint8_t> forB) {
  directions_[0].leftover = std::move(forB);
  gate_ = std::move(gate);
  gatePassed_ = gate_ == nullptr;
  run(0);
  if (!done_) return;
  if (gate_) {
    waitForGate();
  } else {
    run(1);
  }
}

void Pump::passGate() {
  if (!done_) return;
  const auto gate = gate_;  // it may call abort()
  switch (gate->onReadable(b_)) {
    case PumpGate::Verdict::wait:
      return waitForGate();
    case PumpGate::Verdict::pass:
      if (!done_) return;
      gatePassed_ = true;
      directions_[1].leftover = gate->takeRest();
      gate_.reset();
      return run(1);
    case PumpGate::Verdict::fail:
      return finish(PumpEnd::reset);
  }
}

void Pump::waitForGate() {
  if (!done_) return;
  b_.async_wait(TcpSocket::wait_read, [self = shared_from_this()](const ErrorCode& ec) {
    if (!ec) self->passGate();
  });
}

void Pump::abort() { finish(PumpEnd::aborted); }

std::optional<TcpSocket> Pump::releaseA() {
  const Direction& d = directions_[0];
  if (!done_ || gatePassed_ || d.bytes > 0 || d.inPipe > 0 || d.eof || !d.leftover.empty()) return std::nullopt;
  done_ = nullptr;
  ErrorCode ignored;
  a_.cancel(ignored);
  closeWithReset(b_);
  gate_.reset();
  return std::move(a_);
}

void Pump::wait(int direction, TcpSocket& socket, asio::socket_base::wait_type what) {
  socket.async_wait(what, [self = shared_from_this(), direction](const ErrorCode& ec) {
    if (!ec) self->run(direction);
  });
}

void Pump::run(int direction) {
  if (!done_) return;
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    switch (step(direction)) {
      case Step::again:
        continue;
      case Step::wantRead:
        return wait(direction, source(direction), TcpSocket::wait_read);
      case Step::wantWrite:
        return wait(direction, sink(direction), TcpSocket::wait_write);
      case Step::broken:
        return finish(PumpEnd::reset);
      case Step::finished: {
        directions_[direction].shut = true;
        if (directions_[1 - direction].shut) return finish(PumpEnd::finished);  // closing says the rest
        ErrorCode ignored;
        sink(direction).shutdown(TcpSocket::shutdown_send, ignored);
        return watchForReset(direction);
      }
    }
  }
  asio::post(thread_.context(), [self = shared_from_this(), direction] { self->run(direction); });
}

/// Nobody reads a source that has ended, so that a later reset would go unseen while the other direction is silent.
void Pump::watchForReset(int direction) {
  source(direction).async_wait(TcpSocket::wait_error, [self = shared_from_this(), direction](const ErrorCode& ec) {
    if (ec || !self->done_) return;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(self->source(direction).native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) self->finish(PumpEnd::reset);
    // Otherwise both sides of that socket have been shut down, and the other direction is about to find out.
  });
}

Pump::Step Pump::step(int direction) {
  Direction& d = directions_[direction];
  const int from = source(direction).native_handle();
  const int to = sink(direction).native_handle();
  if (!d.leftover.empty()) {
    const Step sent = sendLeftover(d, to);
    if (sent != Step::again) return sent;
  }
  return d.portable ? stepCopy(d, from, to) : stepSplice(d, from, to);
}

void Pump::givePipe(Direction& d) {
  thread_.pipes().give(d.pipe);
  d.pipe = {};
}

#if CHUANTOU_FAST_PATHS

Pump::Step Pump::stepSplice(Direction& d, int from, int to) {
  std::size_t got = 0;
  bool sourceIsDry = false;
  if (!d.eof && (!d.pipe.open() || d.inPipe < d.pipe.capacity / 2)) {
    if (!d.pipe.open()) d.pipe = thread_.pipes().take();
    if (!d.pipe.open()) {  // no descriptors left: go on without
      d.portable = true;
      return Step::again;
    }
    const ssize_t n = ::splice(from, nullptr, d.pipe.writeEnd, nullptr, d.pipe.capacity, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
      got = static_cast<std::size_t>(n);
      d.inPipe += got;
    } else if (n == 0) {
      d.eof = true;
    } else if (wouldBlock(errno)) {
      sourceIsDry = true;
    } else {
      return Step::broken;
    }
  }
  if (d.inPipe > 0) {
    const ssize_t n = ::splice(d.pipe.readEnd, nullptr, to, nullptr, d.inPipe, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
      d.inPipe -= static_cast<std::size_t>(n);
      d.bytes += static_cast<std::uint64_t>(n);
    } else if (n < 0 && !wouldBlock(errno)) {
      return Step::broken;
    } else if (got == 0) {
      return Step::wantWrite;
    }
  }
  if (d.inPipe > 0) return Step::again;
  if (d.eof) {
    givePipe(d);
    return Step::finished;
  }
  if (sourceIsDry || got < kShortRead) {
    givePipe(d);  // a silent connection holds no pipe
    return Step::wantRead;
  }
  return Step::again;
}

#else

Pump::Step Pump::stepSplice(Direction& d, int from, int to) {
  d.portable = true;
  return stepCopy(d, from, to);
}

#endif

Pump::Step Pump::sendLeftover(Direction& d, int to) {
  const std::ptrdiff_t sent = sendSome(to, d.leftover);
  if (sent < 0) return Step::broken;
  d.bytes += static_cast<std::uint64_t>(sent);
  if (static_cast<std::size_t>(sent) < d.leftover.size()) {
    d.leftover.erase(d.leftover.begin(), d.leftover.begin() + sent);
    return Step::wantWrite;
  }
  std::vector<std::uint8_t>{}.swap(d.leftover);
  return Step::again;
}

Pump::Step Pump::stepCopy(Direction& d, int from, int to) {
  if (d.eof) return Step::finished;
  const auto scratch = thread_.scratch();
  const ssize_t n = ::recv(from, scratch.data(), scratch.size(), 0);
  if (n < 0) return wouldBlock(errno) ? Step::wantRead : Step::broken;
  if (n == 0) {
    d.eof = true;
    return Step::finished;
  }
  const auto got = static_cast<std::size_t>(n);
  const std::ptrdiff_t sent = sendSome(to, scratch.first(got));
  if (sent < 0) return Step::broken;
  d.bytes += static_cast<std::uint64_t>(sent);
  if (static_cast<std::size_t>(sent) < got) {
    d.leftover.assign(scratch.begin() + sent, scratch.begin() + n);
    return Step::wantWrite;
  }
  return got < kShortRead ? Step::wantRead : Step::again;
}

void Pump::finish(PumpEnd end) {
  if (!done_) return;
  const Done done = std::exchange(done_, nullptr);
  for (Direction& d : directions_) {
    if (d.pipe.open() && d.inPipe == 0) {
      givePipe(d);
    } else {
      PipePool::close(d.pipe);
    }
    std::vector<std::uint8_t>{}.swap(d.leftover);
  }
  if (end == PumpEnd::finished) {
    ErrorCode ignored;
    a_.close(ignored);
    b_.close(ignored);
  } else {
    closeWithReset(a_);
    closeWithReset(b_);
  }
  gate_.reset();
  done(PumpResult{end, directions_[0].bytes, directions_[1].bytes, gatePassed_});
}

}  // namespace chuantou::net
