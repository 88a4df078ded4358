#include "net/message_channel.hpp"

#include <asio/error.hpp>
#include <asio/buffer.hpp>

#include "net/socket_options.hpp"

namespace chuantou::net {

namespace {
constexpr std::size_t kReadSize = 64 * 1024;
constexpr int kMessageTooBig = 1009;  // RFC 6455, section 7.4.1
constexpr std::size_t kKeepCapacity = 4096;  ///< an idle channel's buffer is let go above this
constexpr std::size_t kSealSize = 64 * 1024;  ///< encrypted in one go
}  // namespace

MessageChannel::MessageChannel(IoThread& thread, TcpSocket socket, WebSocketCodec codec, Owner* owner)
    : thread_(thread), socket_(std::move(socket)), codec_(std::move(codec)), owner_(owner) {
  ErrorCode ignored;
  socket_.non_blocking(true, ignored);
  remote_ = socket_.remote_endpoint(ignored);
}

MessageChannel::MessageChannel(IoThread& thread, std::unique_ptr<TlsSocket> socket, WebSocketCodec codec, Owner* owner)
    : thread_(thread), socket_(thread.context()), tls_(std::move(socket)), codec_(std::move(codec)), owner_(owner) {
  ErrorCode ignored;
  remote_ = tls_->socket().remote_endpoint(ignored);
}

TcpEndpoint MessageChannel::localEndpoint() const {
  ErrorCode ignored;
  return socket().local_endpoint(ignored);
}

std::string MessageChannel::remoteAddress() const { return remote_.address().to_string(); }

void MessageChannel::start(std::span<const std::uint8_t> first) {
  scheduleFlush();
  if (!first.empty()) {
    std::vector<std::uint8_t> bytes(first.begin(), first.end());
    consume(bytes);
  }
  if (closed_) return;
  if (!tls_) return waitReadable();
  // Bytes may have come with the handshake, which no wait would tell of.
  asio::post(thread_.context(), [self = shared_from_this()] { self->readAvailable(); });
}

void MessageChannel::waitReadable() {
  const auto readable = [self = shared_from_this()](const ErrorCode& ec) {
    if (self->closed_) return;
    if (ec) return self->finish(ec.message());
    self->readAvailable();
  };
  if (tls_) return tls_->waitReadable(readable);
  socket_.async_wait(TcpSocket::wait_read, readable);
}

void MessageChannel::readAvailable() {
  if (closed_) return;
  if (tls_) {
    readTls();
  } else {
    readPlain();
  }
}

void MessageChannel::readPlain() {
  const auto scratch = thread_.scratch().first(kReadSize);
  ErrorCode ec;
  const std::size_t n = socket_.read_some(asio::buffer(scratch.data(), scratch.size()), ec);
  if (ec == asio::error::would_block || ec == asio::error::try_again) return waitReadable();
  if (ec) return finish(ec == asio::error::eof ? "closed by the other side" : ec.message());
  consume(scratch.first(n));
  if (!closed_) waitReadable();
}

void MessageChannel::readTls() {
  const auto scratch = thread_.scratch().first(kReadSize);
  const TlsSocket::Read read = tls_->read(scratch);
  if (tls_->queued() > 0) scheduleFlush();  // reading may have made something to say
  switch (read.state) {
    case TlsSocket::State::wouldBlock:
      return waitReadable();
    case TlsSocket::State::ended:
      return finish("closed by the other side");
    case TlsSocket::State::broken:
      return finish(tls_->session().failure().empty() ? "the connection broke" : tls_->session().failure());
    case TlsSocket::State::ok:
      break;
  }
  consume(scratch.first(read.bytes));
  if (closed_) return;
  if (read.bytes < scratch.size()) return waitReadable();
  asio::post(thread_.context(), [self = shared_from_this()] { self->readAvailable(); });
}

void MessageChannel::consume(std::span<std::uint8_t> bytes) {
  codec_.feed(bytes);
  WebSocketCodec::Event event;
  while (!closed_ && codec_.next(event)) {
    if (!owner_) break;
    switch (event.kind) {
      case WebSocketCodec::Event::Kind::open:
        owner_->onOpen(*this);
        break;
      case WebSocketCodec::Event::Kind::text:
        owner_->onText(*this, std::move(event.data));
        break;
      case WebSocketCodec::Event::Kind::binary:
        codec_.close(1003, "texts only");
        closing_ = true;
        closeReason_ = "a binary message";
        break;
      case WebSocketCodec::Event::Kind::control:
        owner_->onHeard(*this);
        break;
      case WebSocketCodec::Event::Kind::request:
        owner_->onRequest(*this, std::move(event.request));
        break;
      case WebSocketCodec::Event::Kind::closed:
        closing_ = true;
        if (event.code == kMessageTooBig) fault_ = Fault::tooLong;
        if (closeReason_.empty()) closeReason_ = event.data.empty() ? "closed by the other side" : event.data;
        break;
    }
  }
  if (!closed_) scheduleFlush();
}

std::size_t MessageChannel::waiting() {
  return outgoing_.size() - sent_ + codec_.output().size() + (tls_ ? tls_->queued() : 0);
}

void MessageChannel::send(std::string_view text) {
  if (closed_ || closing_) return;
  codec_.sendText(text);
  if (waiting() > maxQueued) {
    fault_ = Fault::notReading;
    return abort("the other side does not read");
  }
  scheduleFlush();
}

void MessageChannel::respond(const HttpResponse& response) {
  if (closed_) return;
  codec_.respond(response);
  closing_ = true;
  closeReason_ = "answered";
  scheduleFlush();
}

void MessageChannel::close(int code, std::string_view reason) {
  if (closed_ || closing_) return;
  closing_ = true;
  closeReason_ = std::string{reason};
  codec_.close(code, reason);
  closeTimer_ = std::make_unique<Timer>(thread_.context(), kClosePatience);
  closeTimer_->async_wait([weak = weak_from_this()](const ErrorCode& ec) {
    const auto self = weak.lock();
    if (!ec && self) self->finish(self->closeReason_);
  });
  scheduleFlush();
}

void MessageChannel::reset(const std::string& reason) {
  flush();
  if (closed_) return;
  closeWithReset(socket());
  finish(reason);
}

void MessageChannel::abort(const std::string& reason) { finish(reason); }

/// Texts of one turn of the loop leave in one piece.
void MessageChannel::scheduleFlush() {
  if (flushScheduled_ || waitingWrite_) return;
  flushScheduled_ = true;
  asio::post(thread_.context(), [self = shared_from_this()] {
    self->flushScheduled_ = false;
    self->flush();
  });
}

void MessageChannel::flush() {
  if (closed_) return;
  if (!codec_.output().empty()) {
    if (outgoing_.empty()) {
      outgoing_.swap(codec_.output());
    } else {
      outgoing_ += codec_.output();
    }
    codec_.output().clear();
  }
  while (sent_ < outgoing_.size() || (tls_ && tls_->queued() > 0)) {
    const ErrorCode ec = writeSome();
    if (ec == asio::error::would_block || ec == asio::error::try_again) return waitWritable();
    if (ec) return finish(ec.message());
  }
  sent_ = 0;
  if (outgoing_.capacity() > kKeepCapacity) {
    std::string{}.swap(outgoing_);
  } else {
    outgoing_.clear();
  }
  if (closing_) finish(closeReason_);
}

ErrorCode MessageChannel::writeSome() {
  ErrorCode ec;
  const std::size_t rest = outgoing_.size() - sent_;
  if (!tls_) {
    sent_ += socket_.write_some(asio::buffer(outgoing_.data() + sent_, rest), ec);
    return ec;
  }
  TlsSocket::State state = tls_->flush();
  if (state == TlsSocket::State::ok && rest > 0) {
    const std::size_t size = std::min(rest, kSealSize);
    state = tls_->write({reinterpret_cast<const std::uint8_t*>(outgoing_.data()) + sent_, size});
    sent_ += size;
  }
  if (state == TlsSocket::State::wouldBlock) return asio::error::would_block;
  return state == TlsSocket::State::ok ? ErrorCode{} : asio::error::broken_pipe;
}

void MessageChannel::waitWritable() {
  waitingWrite_ = true;
  socket().async_wait(TcpSocket::wait_write, [self = shared_from_this()](const ErrorCode& ec) {
    self->waitingWrite_ = false;
    if (ec) return self->finish(ec.message());
    self->flush();
  });
}

void MessageChannel::finish(const std::string& reason) {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();
  if (closeTimer_) closeTimer_->cancel();
  ErrorCode ignored;
  if (socket().is_open()) {
    if (tls_) tls_->sayGoodbye();
    socket().shutdown(TcpSocket::shutdown_both, ignored);
    socket().close(ignored);
  }
  if (Owner* owner = std::exchange(owner_, nullptr)) owner->onClosed(*this, reason);
}

}  // namespace chuantou::net
