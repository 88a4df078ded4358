#include "engine/client/outbound_stream.hpp"

#include "engine/client/stream_registry.hpp"

namespace chuantou::engine {

namespace {
/// Between attempts to get a carrier, as long as the server is there. Its return is noticed at once.
constexpr Millis kFirstBackoff{250};
constexpr Millis kLastBackoff{1'000};
/// After a server's restart its clients come back one by one: so long nobody is taken for unknown.
constexpr std::chrono::seconds kUntilAllAreBack{3};

/// A stream that has not been opened waits only for the server.
constexpr Millis kPatienceToOpen{15'000};
/// A server that dies refuses data channels before it is known that the control channel is dead.
constexpr std::chrono::seconds kUntilLossIsKnown{3};

/// Whether the target of a stream may be reached again after this. A name that is not known may only not be known again yet.
bool mayPass(Errc code) {
  switch (code) {
    case Errc::connection_lost:
    case Errc::timed_out:
    case Errc::server_unreachable:
    case Errc::not_running:
    case Errc::unknown_peer:
    case Errc::peer_offline:
    case Errc::limit_reached:
      return true;
    default:
      return false;
  }
}
}  // namespace

std::shared_ptr<OutboundStream> OutboundStream::make(ClientContext& context, Options options, std::weak_ptr<Listener> listener) {
  auto stream = std::make_shared<OutboundStream>(context, std::move(options), std::move(listener));
  context.streams.add(stream);
  return stream;
}

OutboundStream::OutboundStream(ClientContext& context, Options options, std::weak_ptr<Listener> listener)
    : CarriedStream(context, Role::initiator, StreamId::random(context.random), options.target.peer, options.target.port, options.patience),
      options_(std::move(options)),
      listener_(std::move(listener)) {}

wire::OpenFrame OutboundStream::openFrame() const {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(patience_).count();
  return wire::OpenFrame{options_.target.port, options_.target.host, id_, static_cast<std::uint16_t>(std::min<std::int64_t>(seconds, 0xffff))};
}

wire::ResumeFrame OutboundStream::resumeFrame() const {
  const auto age = std::chrono::duration_cast<Millis>(Clock::now() - openedAt_).count();
  return wire::ResumeFrame{openFrame(), core_.position(), static_cast<std::uint32_t>(std::min<std::int64_t>(age, 0xffffffff))};
}

void OutboundStream::open() {
  if (!over()) ask();
}

void OutboundStream::ask() {
  asking_ = true;
  const auto source = options_.source;  // a stream that ends meanwhile gives it up
  source->open({}, std::static_pointer_cast<OutboundStream>(shared_from_this()));
}

void OutboundStream::migrate() {
  if (asking_ || !mayMigrate() || !context_.link.registered()) return;
  asking_ = migrating_ = true;
  const auto source = options_.source;  // as above
  source->openNew(std::static_pointer_cast<OutboundStream>(shared_from_this()));
}

void OutboundStream::onSecureReady(std::shared_ptr<OutboundCarrier> carrier) {
  asking_ = false;
  const bool migrating = std::exchange(migrating_, false);
  if (over() || gone()) return carrier->onStreamLeft(false);
  if (migrating && attached()) {
    if (!mayMigrate()) return carrier->onStreamLeft(false);
    const auto frame = wire::encodeResume(resumeFrame(), wire::kFlagAnswered | wire::kFlagSwitch);
    if (!carrier->line().sendFrame(frame)) return carrier->onStreamLeft(false);
    carrier->onAnswered();  // there will be no other word than the stream's
    return migrateTo(std::move(carrier));
  }
  if (openedAt_ == TimePoint{}) {
    openedAt_ = Clock::now();
    core_.attachOpening(wire::encodeOpen(openFrame(), options_.answerAtOnce ? wire::kFlagAnswerAtOnce : std::uint8_t{0}));
  } else {
    // What has been given up meanwhile need not be begun.
    const bool known = core_.answered() || core_.aborted();
    const int flags = (known ? wire::kFlagAnswered : 0) | (options_.answerAtOnce ? wire::kFlagAnswerAtOnce : 0);
    core_.attachResuming(wire::encodeResume(resumeFrame(), static_cast<std::uint8_t>(flags)));
  }
  attachTo(std::move(carrier));
}

void OutboundStream::onCarrierFailed(const Error& error) {
  asking_ = false;
  if (over()) return;
  if (std::exchange(migrating_, false) && (attached() || gone())) return;  // it stays where it is
  if (attached()) dropCarrier();
  const bool opened = openedAt_ != TimePoint{};
  if (error.errc() == Errc::peer_offline && error.detail() == wire::kPeerHasLeft) return fail(error);
  if (!mayPass(error.errc()) || patience_ <= Millis{0}) return fail(error);
  const bool mayBeBackSoon = (error.errc() == Errc::unknown_peer || error.errc() == Errc::peer_offline) && context_.link.reconnected() &&
                             Clock::now() - context_.link.registeredAt() < kUntilAllAreBack;
  const bool mayBeDying = (error.errc() == Errc::server_unreachable || error.errc() == Errc::connection_lost) &&
                          Clock::now() - madeAt() < kUntilLossIsKnown;
  if (!opened && context_.link.registered() && !mayBeBackSoon && !mayBeDying) return fail(error);
  lastFailure_ = error;
  backoff_ = std::clamp(backoff_ * 2, kFirstBackoff, kLastBackoff);
  retryAt_ = Clock::now() + backoff_ / 2 + backoff_ * static_cast<int>(context_.random.next() % 64) / 128;
}

void OutboundStream::onDetached() {
  if (openedAt_ == TimePoint{} && core_.aborted()) return fail(Error{Errc::stopped, "the connection"});  // nobody knows of it
  if (patience_ <= Millis{0}) return fail(Error{Errc::connection_lost, toString(options_.target)});
  backoff_ = Millis{0};
  if (!asking_ && context_.link.registered()) ask();
}

void OutboundStream::onSilent() {
  const auto source = options_.source;  // as above
  source->distrust();
  if (context_.link.registered()) context_.link.doubt();
}

void OutboundStream::onRegistered() {
  if (over() || attached() || asking_ || gone()) return;
  backoff_ = Millis{0};
  ask();
}

void OutboundStream::onTickDetached(TimePoint now) {
  const TimePoint since = detachedAt() == TimePoint{} ? madeAt() : detachedAt();
  if (now - since > (openedAt_ == TimePoint{} ? std::min(patience_, kPatienceToOpen) : patience_)) {
    return fail(lastFailure_ ? *lastFailure_ : Error{Errc::connection_lost, toString(options_.target), "no carrier for too long"});
  }
  if (!asking_ && now >= retryAt_ && context_.link.registered()) ask();
}

void OutboundStream::onAnswered() {
  backoff_ = Millis{0};
  lastFailure_.reset();
  if (const auto listener = listener_.lock()) listener->onStreamAnswered();
}

void OutboundStream::onReject(const Frame& frame) {
  const auto reject = wire::decodeReject(frame.payload);
  const Errc code = reject ? reject.value().code : Errc::protocol_error;
  // The other end has forgotten a stream of which there is nothing left to tell.
  if (code == Errc::session_unknown && (core_.aborted() || core_.endedBothWays())) return endNow();
  fail(Error{code, toString(options_.target), reject ? reject.value().reason : ""});
}

void OutboundStream::fail(const Error& error) {
  if (over()) return;
  const auto self = shared_from_this();
  if (core_.answered() && !core_.aborted() && !core_.confirmed()) context_.streams.onGivenUp(*this, error);
  const auto listener = listener_.lock();
  listener_.reset();
  if (listener) listener->onStreamFailed(error);
  giveUp(error);
}

/// A wait on the carrier that it has left may still hold the stream: with the pool, which holds that carrier, it would be a circle.
void OutboundStream::onOver() {
  asking_ = false;
  options_.source.reset();
}

}  // namespace chuantou::engine
