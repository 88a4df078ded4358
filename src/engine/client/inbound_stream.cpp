#include "engine/client/inbound_stream.hpp"

#include "engine/client/stream_registry.hpp"
#include "engine/client/tcp_targets.hpp"
#include "net/socket_options.hpp"

namespace chuantou::engine {

namespace {
/// What a peer may always ask for.
constexpr Millis kUsualPatience{60'000};

Millis patienceFor(const ClientConfig& config, const wire::OpenFrame& open) {
  return std::min<Millis>(std::chrono::seconds{open.patience}, std::max(config.patience, kUsualPatience));
}
}  // namespace

std::shared_ptr<InboundStream> InboundStream::make(TcpTargets& targets, const Visitor& visitor, const wire::OpenFrame& open, bool answerAtOnce) {
  auto stream = std::make_shared<InboundStream>(targets, visitor, open, answerAtOnce);
  targets.streams_.emplace(TcpTargets::StreamKey{*visitor.key.key, open.id}, stream);
  targets.context_.streams.add(stream);
  return stream;
}

InboundStream::InboundStream(TcpTargets& targets, const Visitor& visitor, const wire::OpenFrame& open, bool answerAtOnce)
    : CarriedStream(targets.context_, Role::target, open.id, visitor.id, open.port, patienceFor(targets.context_.config, open)),
      targets_(&targets),
      peerKey_(*visitor.key.key),
      sameGroup_(visitor.sameGroup),
      host_(open.host),
      answerAtOnce_(answerAtOnce) {}

void InboundStream::openOn(std::shared_ptr<InboundCarrier> carrier) {
  on_ = carrier;
  core_.attach();
  attachTo(std::move(carrier));
  reachService();
}

void InboundStream::openLateOn(std::shared_ptr<InboundCarrier> carrier) {
  memorable_ = true;
  on_ = carrier;
  core_.attachResumed(0);
  attachTo(std::move(carrier));
  reachService();
}

void InboundStream::resumeOn(std::shared_ptr<InboundCarrier> carrier, const wire::ResumeFrame& resume) {
  const auto self = shared_from_this();
  // A later one may have overtaken it: the stream is none the worse.
  if (resume.ageMs < lastAgeMs_ || !core_.canResume(resume.position)) {
    return carrier->reject(Error{Errc::protocol_error, peer_.str(), "it goes on where the stream is not"});
  }
  lastAgeMs_ = resume.ageMs;
  memorable_ = true;
  dropCarrier();
  on_ = carrier;
  core_.attachResumed(resume.position);
  attachTo(std::move(carrier));
  resumed();
}

bool InboundStream::migrateOn(std::shared_ptr<InboundCarrier> carrier, const wire::ResumeFrame& resume) {
  if (resume.ageMs < lastAgeMs_ || !mayMigrate()) return false;
  lastAgeMs_ = resume.ageMs;
  memorable_ = true;
  on_ = carrier;
  migrateTo(std::move(carrier));
  return true;
}

void InboundStream::reachService() {
  if (over() || !targets_) return;
  auto self = std::static_pointer_cast<InboundStream>(shared_from_this());
  targets_->reach({peer_, sameGroup_, host_, port_, [self] { self->serveInProcess(); },
                   [self](net::TcpSocket service) {
                     if (self->over() || self->core_.resetReceived()) return net::closeWithReset(service);
                     self->onServiceReached(std::move(service));
                   },
                   [self](const Error& error) {
                     if (!self->over() && !self->core_.resetReceived()) self->reject(error);
                   }});
}

void InboundStream::onServiceReached(net::TcpSocket service) {
  // Unless the initiator waits for it, ACCEPT waits a moment for the service's first bytes, to leave with them.
  core_.accept(answerAtOnce_);
  ++context_.counters.inboundActive;
  auto self = std::static_pointer_cast<InboundStream>(shared_from_this());
  pump_ = std::make_shared<StreamPump>(context_.thread, std::move(service), self, [self](const net::PumpResult& result) {
    --self->context_.counters.inboundActive;
    self->context_.counters.bytesUp += result.bytesAtoB;
    self->context_.counters.bytesDown += result.bytesBtoA;
    self->pump_.reset();
  });
  const auto pump = pump_;
  pump->start();
  sendMore();
}

void InboundStream::serveInProcess() {
  core_.accept(true);
  sendMore();
  targets_->serve(port_, peer_, makeSecureTransport(shared_from_this()));
}

/// The carrier says why, and ends.
void InboundStream::reject(const Error& error) {
  const auto self = shared_from_this();
  detach();
  if (const auto carrier = on_.lock()) carrier->reject(error);
  giveUp(error);
}

void InboundStream::onTickDetached(TimePoint now) {
  if (now - detachedAt() <= patience_) return;
  const Error error{Errc::connection_lost, peer_.str(), "it did not come back"};
  memorable_ = true;
  if (!core_.endedBothWays()) context_.streams.onGivenUp(*this, error);
  giveUp(error);
}

void InboundStream::onOver() {
  if (!targets_) return;
  if (memorable_) targets_->rememberEnd(TcpTargets::StreamKey{peerKey_, id_});
  targets_->streams_.erase(TcpTargets::StreamKey{peerKey_, id_});
  targets_ = nullptr;
}

}  // namespace chuantou::engine
