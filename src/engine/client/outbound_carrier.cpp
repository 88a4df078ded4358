#include "engine/client/outbound_carrier.hpp"

#include <asio/buffer.hpp>
#include <asio/post.hpp>

#include "engine/client/carrier_source.hpp"
#include "net/socket_io.hpp"
#include "net/socket_options.hpp"
#include "net/sys_error.hpp"
#include "wire/first_bytes.hpp"

namespace chuantou::engine {

namespace {
/// Read in advance, to travel with a frame: the first request of most protocols.
constexpr std::size_t kFirstBytes = 4096;

/// A few dozen bytes into an empty socket buffer: they fit, or the connection is broken.
bool sendAll(net::TcpSocket& socket, std::span<const std::uint8_t> bytes, int flags) {
  return ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | flags) == static_cast<ssize_t>(bytes.size());
}
}  // namespace

void OutboundCarrier::start(std::uint16_t localPort) {
  askedAt_ = idleSince_ = Clock::now();
  key_ = context_.desk.request(target_, wire::Transport::tcp, localPort, weak_from_this());
  context_.handshakes.add(weak_from_this());
  way_ = context_.dataDialer.wayName();
  context_.dataDialer.dial([self = shared_from_this()](const net::ErrorCode& ec, net::TcpSocket socket) {
    if (self->finished_) return;
    self->socket_ = std::move(socket);
    self->onConnected(ec);
  });
}

void OutboundCarrier::onConnected(const net::ErrorCode& ec) {
  if (ec) {
    fail(net::serverError(ec, "for a data channel"));
    return;
  }
  const auto preface = wire::encodePreface(key_);
  if (target_.plain) {
    plain_ = std::make_unique<PlainLine>(context_.thread, std::move(socket_));
    ready_ = true;
    if (accepted_) noteReached();
    prefaceDue_ = user_ != nullptr;  // it leaves with the opening frame
    if (user_) return handOverPlain();
    if (!sendAll(plain_->socket(), preface, 0)) fail(Error{Errc::connection_lost, toString(target_)});
    return;
  }
  if (!sendAll(socket_, preface, net::kMoreFollows)) {
    fail(Error{Errc::connection_lost, toString(target_)});
    return;
  }
  secure_ = std::make_unique<SecureLine>(context_.thread, std::move(socket_), context_.trust.context(crypto::TlsRole::client),
                                         crypto::TlsRole::client, context_.trust.ticketFor(target_.peer));
  shakeHands();
}

// ------------------------------------------------------------------- encryption

void OutboundCarrier::shakeHands() {
  switch (secure_->handshake()) {
    case FrameLine::State::wouldBlock:
      return secure_->waitReadable([self = shared_from_this()](const net::ErrorCode& ec) {
        if (self->finished_) return;
        if (ec) {
          self->fail(Error{Errc::connection_lost, toString(self->target_), ec.message()});
        } else {
          self->shakeHands();
        }
      });
    case FrameLine::State::ok:
      shaken_ = true;
      // Nothing is waited for on the socket until the server has said whose key it must be; only what is there keeps it.
      if (!told_) untilTold_ = shared_from_this();
      return becomeReadyIfProved();
    case FrameLine::State::ended:
    case FrameLine::State::broken:
      fail(Error{Errc::connection_lost, toString(target_), "no encryption with the peer: " + secure_->session().failure()});
  }
}

void OutboundCarrier::onCreated(SessionId, std::optional<UdpSession>, const wire::PeerKey& peer) {
  if (target_.plain || finished_) return;
  const auto self = std::exchange(untilTold_, nullptr);
  const auto key = context_.trust.judge(target_.peer, peer);
  if (!key) {
    context_.log.error(LogLevel::error, "trust", key.error());
    fail(key.error());
    return;
  }
  told_ = peer;
  becomeReadyIfProved();
}

/// The handshake may be over before the server has said whose key it must have been.
void OutboundCarrier::becomeReadyIfProved() {
  if (!shaken_ || !told_ || ready_) return;
  const auto self = std::exchange(untilTold_, nullptr);
  if (secure_->session().peerKey() != told_->key) {
    const Error error{Errc::protocol_error, target_.peer.str(), "it showed another key than it registered with: somebody is in the middle"};
    context_.log.error(LogLevel::error, "trust", error);
    fail(error);
    return;
  }
  context_.trust.onProved(target_.peer, *told_);
  ready_ = true;
  noteReached();
  if (user_) return handOverSecure();
  watch();
}

/// An idle carrier's line says nothing but a ticket, or that it ends.
void OutboundCarrier::watch() {
  secure_->waitReadable([self = shared_from_this(), mine = ++watch_](const net::ErrorCode& ec) {
    if (!self->finished_ && mine == self->watch_ && !ec) self->onIdleReadable();
  });
}

void OutboundCarrier::onIdleReadable() {
  for (;;) {
    Frame frame;
    const auto state = secure_->readFrame(frame);
    context_.trust.keepTicket(target_.peer, secure_->takeTicket());
    if (state == FrameLine::State::wouldBlock) return watch();
    if (state != FrameLine::State::ok) return drop();
    handleForBehind(frame);
    if (finished_) return;
  }
}

// ------------------------------------------------------------------------- use

void OutboundCarrier::open(wire::FrameBytes first, std::shared_ptr<User> user) {
  if (finished_) return user->onCarrierFailed(Error{Errc::connection_lost, toString(target_)});
  first_ = std::move(first);
  user_ = std::move(user);
  wasWarm_ = ready_;
  if (!ready_) return;
  if (secure_) return handOverSecure();
  handOverPlain();
}

/// The preface (if it has not gone), the opening frame and the user's first bytes leave in one segment.
void OutboundCarrier::handOverPlain() {
  std::array<std::uint8_t, wire::kPrefaceSize + wire::kFrameHeaderSize + wire::kMaxFramePayload + kFirstBytes> out;
  std::size_t size = 0;
  if (prefaceDue_) {
    const auto preface = wire::encodePreface(key_);
    size = static_cast<std::size_t>(std::copy(preface.begin(), preface.end(), out.begin()) - out.begin());
  }
  size = static_cast<std::size_t>(std::copy(first_.begin(), first_.end(), out.begin() + static_cast<std::ptrdiff_t>(size)) - out.begin());
  wire::FrameBytes{}.swap(first_);
  size += user_->takeFirstBytes(std::span{out}.subspan(size, kFirstBytes));
  if (!sendAll(plain_->socket(), std::span{out}.first(size), 0)) {
    fail(Error{Errc::connection_lost, toString(target_)});
    return;
  }
  const auto user = user_;  // the answer may be there already, after which nobody else may hold it
  user->onPlainReady(shared_from_this(), plain_->releaseSocket());
}

void OutboundCarrier::handOverSecure() {
  context_.trust.onProved(target_.peer, *told_);  // again: it may have been forgotten while the carrier waited
  ++watch_;
  hasServed_ = true;
  const auto first = std::exchange(first_, {});
  if (!first.empty() && !secure_->sendFrame(first)) {
    fail(Error{Errc::connection_lost, toString(target_)});
    return;
  }
  const auto user = user_;  // as above
  user->onSecureReady(shared_from_this());
}

bool OutboundCarrier::stillGood() {
  if (finished_) return false;
  // Watched, or still on its way; but somebody may have said meanwhile that the peer has another key.
  if (!plain_) return !told_ || context_.trust.judge(target_.peer, *told_).ok();
  // A waiting carrier is silent; anything readable is its end.
  char byte;
  const ssize_t n = ::recv(plain_->socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void OutboundCarrier::release() {
  if (finished_) return;
  idleSince_ = Clock::now();
  context_.trust.keepTicket(target_.peer, secure_->takeTicket());
  // The peer's last word may be there already, behind what the stream has read. Not within the stream's own call.
  asio::post(context_.thread.context(), [self = shared_from_this(), mine = ++watch_] {
    if (!self->finished_ && mine == self->watch_) self->onIdleReadable();
  });
}

// ------------------------------------------------------------------------ ends

void OutboundCarrier::closeSocket() {
  net::ErrorCode ignored;
  net::TcpSocket& socket = plain_ ? plain_->socket() : secure_ ? secure_->socket() : socket_;
  if (socket.is_open()) socket.close(ignored);
}

void OutboundCarrier::drop() {
  if (finished_) return;
  finished_ = true;
  const auto self = shared_from_this();
  untilTold_.reset();
  context_.desk.forget(key_);
  closeSocket();
  loseBehind();
}

void OutboundCarrier::onStreamLeft(bool free) {
  const auto home = home_.lock();
  if (free && home && !finished_) return home->giveBack(shared_from_this());
  drop();
}

void OutboundCarrier::onAnswered() {
  context_.desk.forget(key_);
  context_.trust.keepTicket(target_.peer, secure_->takeTicket());
  user_.reset();
}

void OutboundCarrier::onDeadline() {
  // A warm carrier may wait as long as it likes; the answer to an opened one is the target's matter, and its dial has a
  // deadline of its own there.
  if (!ready_) fail(Error{Errc::timed_out, "the data channel to " + toString(target_)});
}

/// Without encryption nobody proves anything: that the server has word of both is all there is.
void OutboundCarrier::onAccepted() {
  accepted_ = true;
  if (plain_) noteReached();
}

void OutboundCarrier::noteReached() {
  if (finished_ || std::exchange(reached_, true)) return;
  context_.peerWays.succeeded(target_.peer, way_, context_.link.way().str(), Clock::now() - askedAt_);
}

void OutboundCarrier::onSessionFailed(const Error& error) { fail(error); }

OutboundCarrier::Verdict OutboundCarrier::fail(const Error& error) {
  if (finished_) return Verdict::fail;
  finished_ = true;
  if (!reached_) context_.peerWays.failed(target_.peer, way_, context_.link.way().str(), error);
  const auto self = shared_from_this();
  untilTold_.reset();
  context_.desk.forget(key_);
  closeSocket();
  loseBehind();
  if (const auto user = std::exchange(user_, nullptr)) user->onCarrierFailed(error);
  return Verdict::fail;
}

OutboundCarrier::Verdict OutboundCarrier::onReadable(net::TcpSocket& socket) {
  if (finished_) return Verdict::fail;
  Frame frame;
  switch (plain_->readFrame(socket, frame)) {
    case FrameLine::State::ok: {
      const Verdict verdict = onFrame(frame);
      if (verdict == Verdict::pass) finished_ = true;  // the socket is the user's
      return verdict;
    }
    case FrameLine::State::wouldBlock:
      return Verdict::wait;
    case FrameLine::State::ended:
      if (plain_->nothingRead()) {
        onEndedUnanswered();
        return Verdict::fail;
      }
      [[fallthrough]];
    default:
      return fail(Error{Errc::connection_lost, toString(target_), "before the target answered"});
  }
}

/// A target that has opened the carrier answers before it ends; one that gave it up while it was warm just ends.
void OutboundCarrier::onEndedUnanswered() {
  if (finished_) return;
  if (wasWarm_ && user_ && user_->onCarrierStale()) {
    user_.reset();
    drop();
    return;
  }
  fail(Error{Errc::connection_lost, toString(target_), "before the target answered"});
}

OutboundCarrier::Verdict OutboundCarrier::onFrame(const Frame& frame) {
  if (finished_) return Verdict::fail;
  noteReached();
  if (frame.header.type == wire::FrameType::reject) {
    const auto reject = wire::decodeReject(frame.payload);
    if (!reject) return fail(reject.error());
    return fail(Error{reject.value().code, toString(target_), reject.value().reason});
  }
  if (frame.header.type != wire::FrameType::accept) return fail(Error{Errc::protocol_error, "the peer", "an unexpected frame"});
  const auto user = user_;
  if (secure_) {
    onAnswered();
    confirmBehind();
  } else {
    context_.desk.forget(key_);
    user_.reset();
  }
  if (user) user->onCarrierAnswer();
  return Verdict::pass;
}

}  // namespace chuantou::engine
