#include "engine/client/stream_impl.hpp"

#include <condition_variable>
#include <mutex>

#include "chuantou/error.hpp"

namespace chuantou::detail {

namespace {
/// After close(): so long is the peer's rest read and thrown away, so that it does not reset what we sent.
constexpr Millis kLinger{5'000};
constexpr int kLingerReads = 1024;

using State = engine::StreamTransport::State;

/// One result, waited for with a deadline.
struct Rendezvous {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::error_code error;
  std::size_t bytes = 0;

  Stream::Callback callback(std::shared_ptr<Rendezvous> self) {
    return [self](std::error_code ec, std::size_t n) {
      const std::lock_guard lock{self->mutex};
      self->done = true;
      self->error = ec;
      self->bytes = n;
      self->changed.notify_all();
    };
  }
  bool wait(Stream::Duration deadline) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, deadline, [this] { return done; });
  }
  void wait() {
    std::unique_lock lock{mutex};
    changed.wait(lock, [this] { return done; });
  }
};
}  // namespace

StreamImpl::StreamImpl(std::shared_ptr<net::IoThread> thread, std::unique_ptr<engine::StreamTransport> transport, std::string peer,
                       std::uint16_t port)
    : thread_(std::move(thread)),
      transport_(std::move(transport)),
      lingerTimer_(thread_->context()),
      peer_(std::move(peer)),
      port_(port) {}

StreamImpl::~StreamImpl() = default;

template <class F>
void StreamImpl::post(F f) {
  auto task = [self = shared_from_this(), f = std::move(f)]() mutable { f(*self); };
  // After the client's stop the stream is closed, and every operation says so at once.
  if (!thread_->tryPost(task)) task();
}

void StreamImpl::asyncRead(void* data, std::size_t size, Stream::Callback done) {
  post([data, size, done = std::move(done)](StreamImpl& self) mutable {
    if (self.closing_ || !self.open_) return done(Errc::stopped, 0);
    if (self.reading_ || size == 0) return done(size == 0 ? std::error_code{} : Errc::invalid_argument, 0);
    self.reading_ = Operation{static_cast<std::uint8_t*>(data), size, 0, std::move(done)};
    self.tryRead();
  });
}

void StreamImpl::asyncWrite(const void* data, std::size_t size, Stream::Callback done) {
  post([data, size, done = std::move(done)](StreamImpl& self) mutable {
    if (self.closing_ || !self.open_) return done(Errc::stopped, 0);
    if (self.writing_ || self.shutdown_) return done(Errc::invalid_argument, 0);
    self.writing_ = Operation{static_cast<std::uint8_t*>(const_cast<void*>(data)), size, 0, std::move(done)};
    self.tryWrite();
  });
}

void StreamImpl::finish(std::optional<Operation>& operation, std::error_code error, std::size_t bytes) {
  if (!operation) return;
  const auto callback = std::move(operation->callback);
  operation.reset();
  callback(error, bytes);
}

void StreamImpl::tryRead() {
  if (!reading_ || waitingRead_) return;
  const auto read = transport_->read({reading_->data, reading_->size});
  switch (read.state) {
    case State::wouldBlock:
      waitingRead_ = true;
      return transport_->waitReadable([self = shared_from_this()](const net::ErrorCode& error) {
        self->waitingRead_ = false;
        if (!error) self->tryRead();
      });
    case State::ok:
    case State::ended:
      return finish(reading_, {}, read.bytes);
    case State::broken:
      return fail(Errc::connection_lost);
  }
}

void StreamImpl::tryWrite() {
  if (!writing_ || waitingWrite_) return;
  State state = State::ok;
  while (state == State::ok && writing_->done < writing_->size) {
    const auto written = transport_->write({writing_->data + writing_->done, writing_->size - writing_->done});
    writing_->done += written.bytes;
    state = written.state;
  }
  if (state == State::ok) state = transport_->flush();
  if (state == State::ok) {
    if (shutdown_) transport_->shutdown();  // it was asked for while this was on its way
    return finish(writing_, {}, writing_->size);
  }
  if (state != State::wouldBlock) return fail(Errc::connection_lost);
  waitingWrite_ = true;
  transport_->waitWritable([self = shared_from_this()](const net::ErrorCode& error) {
    self->waitingWrite_ = false;
    if (!error) self->tryWrite();
  });
}

void StreamImpl::fail(std::error_code error) {
  if (open_) transport_->reset();
  end();
  const auto self = shared_from_this();
  finish(reading_, error, 0);
  finish(writing_, error, 0);
}

void StreamImpl::end() {
  if (!open_.exchange(false)) return;
  lingerTimer_.cancel();
  transport_->close();
  if (const auto notify = std::exchange(onEnd, nullptr)) notify();
}

void StreamImpl::abort() { fail(Errc::stopped); }

void StreamImpl::shutdown() {
  post([](StreamImpl& self) {
    if (!self.open_ || std::exchange(self.shutdown_, true) || self.writing_) return;
    self.transport_->shutdown();
    self.leaveWhenFlushed();
  });
}

void StreamImpl::close() {
  post([](StreamImpl& self) {
    if (!self.open_ || std::exchange(self.closing_, true)) return;
    self.finish(self.reading_, Errc::stopped, 0);
    self.finish(self.writing_, Errc::stopped, 0);
    self.transport_->shutdown();
    self.leaveWhenFlushed();
    self.linger();
    self.drain(kLingerReads);
  });
}

/// The time without a way to the other side does not count: that has a limit of its own.
void StreamImpl::linger() {
  lingerTimer_.expires_after(kLinger);
  lingerTimer_.async_wait([self = shared_from_this()](const net::ErrorCode& ec) {
    if (ec || !self->open_) return;
    self->transport_->waits() ? self->linger() : self->end();
  });
}

/// The last frame may have been queued behind bytes that the system has not taken.
void StreamImpl::leaveWhenFlushed() {
  if (!open_ || transport_->flush() != State::wouldBlock) return;
  transport_->waitWritable([self = shared_from_this()](const net::ErrorCode& error) {
    if (!error) self->leaveWhenFlushed();
  });
}

void StreamImpl::drain(int budget) {
  while (open_) {
    const auto read = transport_->read(thread_->scratch());
    if (read.state == State::wouldBlock) {
      return transport_->waitReadable([self = shared_from_this(), budget](const net::ErrorCode& error) {
        if (!error) self->drain(budget - 1);
      });
    }
    if (read.state != State::ok || --budget <= 0) return end();
  }
}

void StreamImpl::cancelRead() { finish(reading_, Errc::timed_out, 0); }

std::size_t StreamImpl::read(void* data, std::size_t size, Stream::Duration deadline) {
  auto meeting = std::make_shared<Rendezvous>();
  asyncRead(data, size, meeting->callback(meeting));
  if (!meeting->wait(deadline)) {
    post([](StreamImpl& self) { self.cancelRead(); });
    meeting->wait();  // the buffer is the caller's again only now
  }
  if (meeting->error) throw Error{static_cast<Errc>(meeting->error.value()), "reading from " + peer_};
  return meeting->bytes;
}

void StreamImpl::write(const void* data, std::size_t size, Stream::Duration deadline) {
  auto meeting = std::make_shared<Rendezvous>();
  asyncWrite(data, size, meeting->callback(meeting));
  if (!meeting->wait(deadline)) {
    post([](StreamImpl& self) { self.fail(Errc::timed_out); });
    meeting->wait();
  }
  if (meeting->error) throw Error{static_cast<Errc>(meeting->error.value()), "writing to " + peer_};
}

}  // namespace chuantou::detail
