#include "engine/client/inbound_carrier.hpp"

#include <asio/buffer.hpp>
#include <sys/socket.h>

#include "engine/client/tcp_targets.hpp"
#include "net/socket_io.hpp"
#include "net/socket_options.hpp"
#include "wire/first_bytes.hpp"

namespace chuantou::engine {

namespace {
/// Once, and not all at the same time: those who were dropped together were too many together.
constexpr Millis kDialAgainAfter{100};
constexpr std::uint64_t kDialAgainSpreadMs = 400;
}  // namespace

InboundCarrier::InboundCarrier(TcpTargets& targets, Visitor visitor)
    : targets_(&targets), context_(targets.context_), visitor_(std::move(visitor)), socket_(context_.thread.context()) {
  targets.carriers_.insert(this);
}

void InboundCarrier::start(const DataKey& key) {
  key_ = key;
  context_.handshakes.add(weak_from_this());
  dial();
}

void InboundCarrier::dial() {
  way_ = context_.dataDialer.wayName();
  context_.dataDialer.dial([self = shared_from_this()](const net::ErrorCode& ec, net::TcpSocket socket) {
    if (!self->targets_) return;
    if (ec) return self->dialAgain();
    self->onConnected(std::move(socket));
  });
}

/// A server under pressure drops connections of which it has not read yet whose they are. The visitor's half would wait for ours until
/// the session is given up; so would ours, within onDeadline().
void InboundCarrier::dialAgain() {
  if (visitor_.plain || std::exchange(dialledAgain_, true)) return end();  // plain: one that was not needed ends in the same way
  net::ErrorCode ignored;
  if (secure_) secure_->socket().close(ignored);
  stage_ = Stage::dialing;
  const auto wait = std::make_shared<net::Timer>(context_.thread.context());
  wait->expires_after(kDialAgainAfter + Millis{static_cast<int>(context_.random.next() % kDialAgainSpreadMs)});
  wait->async_wait([self = shared_from_this(), wait](const net::ErrorCode& ec) {
    if (ec || !self->targets_) return;
    if (!self->context_.link.registered()) return self->end();  // the server tells of the session again
    self->dial();
  });
}

void InboundCarrier::onConnected(net::TcpSocket socket) {
  const auto preface = wire::encodePreface(key_);
  const bool sent = ::send(socket.native_handle(), preface.data(), preface.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(preface.size());
  if (visitor_.plain) {
    plain_ = std::make_unique<PlainLine>(context_.thread, std::move(socket));
    stage_ = Stage::standby;
    return sent ? waitForFrame() : end();
  }
  secure_ = std::make_unique<SecureLine>(context_.thread, std::move(socket), context_.trust.context(crypto::TlsRole::server),
                                         crypto::TlsRole::server);
  stage_ = Stage::handshaking;
  if (!sent) return dialAgain();
  waitForFrame();
}

/// A visitor speaks first, and at once: whoever has heard nothing was not joined to it.
bool InboundCarrier::endedUnheard() {
  if (heard_) return false;
  char byte;
  const ssize_t n = ::recv(secure_->socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  heard_ = n > 0;
  return n == 0 || (n < 0 && !net::wouldBlock(errno));
}

void InboundCarrier::shakeHands() {
  if (endedUnheard()) return dialAgain();
  const auto state = secure_->handshake();
  if (state == FrameLine::State::wouldBlock) return waitForFrame();
  if (state != FrameLine::State::ok) {
    context_.log.log(LogLevel::debug, "trust", "no encryption with {}: {}", visitor_.id.str(), secure_->session().failure());
    return end();
  }
  if (!visitor_.key.key || secure_->session().peerKey() != visitor_.key.key) {
    const Error error{Errc::protocol_error, visitor_.id.str(), "it showed another key than it registered with: somebody is in the middle"};
    context_.log.error(LogLevel::error, "trust", error);
    return end();
  }
  context_.trust.onProved(visitor_.id, visitor_.key);
  if (!secure_->session().resumed()) secure_->giveTicket();
  stage_ = Stage::standby;
  readFrames();
}

void InboundCarrier::onDeadline() {
  if (stage_ == Stage::dialing || stage_ == Stage::handshaking || stage_ == Stage::refused) end();
}

void InboundCarrier::end() {
  if (const auto pump = pump_) return pump->abort();
  // The initiator tells a carrier that was not needed from a service that resets.
  if (!plain_ || stage_ == Stage::standby) return leaveClosed();
  net::closeWithReset(plain_->socket());
  leave();
}

// ----------------------------------------------------------------------- frames

void InboundCarrier::waitForFrame() {
  auto go = [self = shared_from_this()](const net::ErrorCode& ec) {
    if (!self->targets_) return;
    if (ec) return self->end();
    if (self->stage_ == Stage::handshaking) return self->shakeHands();
    if (self->stage_ == Stage::standby) self->readFrames();
  };
  if (secure_) return secure_->waitReadable(std::move(go));
  plain_->socket().async_wait(net::TcpSocket::wait_read, std::move(go));
}

/// What follows OPEN is the service's.
void InboundCarrier::readFrames() {
  while (targets_ && stage_ == Stage::standby) {
    Frame frame;
    switch (frames().readFrame(frame)) {
      case FrameLine::State::ok:
        reading_ = true;
        handle(frame);
        reading_ = false;
        break;
      case FrameLine::State::wouldBlock:
        return waitForFrame();
      case FrameLine::State::ended:
        return close();  // a warm carrier that was not needed
      case FrameLine::State::broken:
        return end();
    }
  }
}

void InboundCarrier::handle(const Frame& frame) {
  // Carriers serve many streams: somebody may have said since the handshake that the visitor has another key.
  if (secure_) {
    if (const auto key = context_.trust.judge(visitor_.id, visitor_.key); !key) {
      context_.log.error(LogLevel::error, "trust", key.error());
      return end();
    }
    context_.trust.onProved(visitor_.id, visitor_.key);  // it may have been forgotten
  }
  if (frame.header.type == wire::FrameType::ping) {
    const auto pong = wire::encodePing(wire::FrameType::pong, std::span{frame.payload}.first<wire::kPingSize>());
    if (!frames().sendFrame(pong)) end();
    return;
  }
  if (!secure_) {
    if (frame.header.type != wire::FrameType::open) return end();
    const auto open = wire::decodeOpen(frame.payload);
    answerAtOnce_ = (frame.header.flags & wire::kFlagAnswerAtOnce) != 0;
    return open ? onPlainOpen(open.value()) : end();
  }
  switch (frame.header.type) {
    case wire::FrameType::open: {
      const auto open = wire::decodeOpen(frame.payload);
      // A second one of the same stream was overtaken by its RESUME.
      if (!open || targets_->find(*visitor_.key.key, open.value().id) || targets_->hasEnded(*visitor_.key.key, open.value().id)) return end();
      confirmBehind();
      stage_ = Stage::open;
      const bool atOnce = (frame.header.flags & wire::kFlagAnswerAtOnce) != 0;
      return InboundStream::make(*targets_, visitor_, open.value(), atOnce)->openOn(shared_from_this());
    }
    case wire::FrameType::resume: {
      const auto resume = wire::decodeResume(frame.payload);
      return resume ? onResume(resume.value(), frame.header.flags) : end();
    }
    case wire::FrameType::seal: {
      const auto seal = wire::decodeSeal(frame.payload);
      return seal ? onSeal(seal.value()) : end();
    }
    case wire::FrameType::ack:
    case wire::FrameType::reset:
    case wire::FrameType::pong:
    case wire::FrameType::window:
    case wire::FrameType::ackEvery:
      return handleForBehind(frame);  // late words to the stream that has left
    case wire::FrameType::switchOver:
      return close();  // it was to move, and has ended: its last words are still to be read
    default:
      return end();
  }
}

void InboundCarrier::onResume(const wire::ResumeFrame& resume, std::uint8_t flags) {
  confirmBehind();
  stage_ = Stage::open;
  const auto stream = targets_->find(*visitor_.key.key, resume.open.id);
  if ((flags & wire::kFlagSwitch) != 0) {
    // A refusal might be taken for the stream's own. The end is enough: the initiator resumes it then, if it has to.
    if (!stream || !stream->migrateOn(shared_from_this(), resume)) leaveClosed();
    return;
  }
  if (stream) return stream->resumeOn(shared_from_this(), resume);
  // It was lost on its way here if this client would know of it; one that is gone for good is not begun again.
  const bool neverCame = (flags & wire::kFlagAnswered) == 0 && resume.position == 0 && targets_->hasBeenThereFor(Millis{resume.ageMs}) &&
                         !targets_->hasEnded(*visitor_.key.key, resume.open.id);
  if (!neverCame) return reject(Error{Errc::session_unknown, "a stream of " + visitor_.id.str()});
  InboundStream::make(*targets_, visitor_, resume.open, (flags & wire::kFlagAnswerAtOnce) != 0)->openLateOn(shared_from_this());
}

void InboundCarrier::onStreamLeft(bool free) {
  if (!targets_) return;
  if (!free) return leaveClosed();
  stage_ = Stage::standby;
  // Not within the stream's own call: what comes next may be there already.
  asio::post(context_.thread.context(), [self = shared_from_this()] { self->readFrames(); });
}

/// The carrier only answers; the flow's datagrams travel over UDP.
void InboundCarrier::onSeal(const wire::SealFrame& seal) {
  confirmBehind();
  stage_ = Stage::opening;
  const auto keys = crypto::exportSealKeys(secure_->session(), wire::sealContext(seal));
  targets_->onSeal(visitor_.id, seal, keys, [self = shared_from_this()](const Error* error) {
    if (!self->targets_) return;
    if (error) return self->reject(*error);
    if (!self->secure_->sendFrame(wire::encodeBare(wire::FrameType::accept))) return self->end();
    self->stage_ = Stage::standby;
    if (!self->reading_) self->readFrames();
  });
}

// ---------------------------------------------------------------------- services

void InboundCarrier::onPlainOpen(const wire::OpenFrame& open) {
  stage_ = Stage::opening;
  auto self = shared_from_this();
  targets_->reach({visitor_.id, visitor_.sameGroup, open.host, open.port, [self, port = open.port] { self->serveInProcess(port); },
                   [self](net::TcpSocket service) {
                     if (!self->targets_) return net::closeWithReset(service);
                     self->onServiceReached(std::move(service));
                   },
                   [self](const Error& error) {
                     if (self->targets_) self->reject(error);
                   }});
}

void InboundCarrier::serveInProcess(std::uint16_t port) {
  if (!frames().sendFrame(wire::encodeBare(wire::FrameType::accept))) return end();
  auto transport = makePlainTransport(plain_->releaseSocket(), plain_->takeRest());
  auto& targets = *targets_;
  leave();
  targets.serve(port, visitor_.id, std::move(transport));
}

void InboundCarrier::onServiceReached(net::TcpSocket service) {
  // Unless the initiator waits for it, ACCEPT waits (200 ms at the most) for the service's first bytes, to leave with them.
  if (!frames().sendFrame(wire::encodeBare(wire::FrameType::accept), !answerAtOnce_)) {
    net::closeWithReset(service);  // an end would say that the user had nothing to say
    return end();
  }
  stage_ = Stage::open;
  ++context_.counters.inboundActive;
  auto rest = plain_->takeRest();
  const auto pump = std::make_shared<net::Pump>(context_.thread, plain_->releaseSocket(), std::move(service),
                                                [self = shared_from_this()](const net::PumpResult& result) { self->onPlainEnd(result); });
  pump_ = pump;
  pump->start(nullptr, std::move(rest));
}

void InboundCarrier::onPlainEnd(const net::PumpResult& result) {
  --context_.counters.inboundActive;
  context_.counters.bytesDown += result.bytesAtoB;
  context_.counters.bytesUp += result.bytesBtoA;
  leave();
  pump_.reset();
}

// -------------------------------------------------------------------------- ends

void InboundCarrier::reject(const Error& error) {
  // A stream that is over may be asked for once more, by who has not heard so.
  const LogLevel level = error.errc() == Errc::session_unknown ? LogLevel::debug : LogLevel::warn;
  context_.log.log(level, "target", "{} asked for {}: {}", visitor_.id.str(), error.subject(), error.message(context_.log.language()));
  frames().sendFrame(wire::encodeReject(error.errc(), error.detail()));
  close();
}

/// The peer reads what was sent before it sees the end. Bytes of the user that nobody will read are thrown away until
/// then: closing with them unread would be a reset, which may overtake the refusal.
void InboundCarrier::close() {
  net::ErrorCode ignored;
  frames().socket().shutdown(net::TcpSocket::shutdown_send, ignored);
  stage_ = Stage::refused;
  context_.handshakes.add(weak_from_this());
  discard();
}

void InboundCarrier::discard() {
  for (;;) {
    const auto scratch = context_.thread.scratch();
    net::ErrorCode ec;
    frames().socket().read_some(asio::buffer(scratch.data(), scratch.size()), ec);
    if (ec == asio::error::would_block || ec == asio::error::try_again) break;
    if (ec) return leaveClosed();
  }
  frames().socket().async_wait(net::TcpSocket::wait_read, [self = shared_from_this()](const net::ErrorCode& ec) {
    if (!ec && self->targets_) self->discard();
  });
}

void InboundCarrier::leaveClosed() {
  const auto self = shared_from_this();
  net::ErrorCode ignored;
  net::TcpSocket& socket = plain_ || secure_ ? frames().socket() : socket_;
  socket.close(ignored);
  leave();
  loseBehind();
}

void InboundCarrier::leave() {
  if (!targets_) return;
  targets_->carriers_.erase(this);
  targets_ = nullptr;
}

}  // namespace chuantou::engine
