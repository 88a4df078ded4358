#include "engine/client/control_link.hpp"

#include "base/hex.hpp"
#include "chuantou/version.hpp"
#include "crypto/token_proof.hpp"
#include "net/network_watch.hpp"
#include "net/sys_error.hpp"

namespace chuantou::engine {

namespace {
/// A registration that lasted this long was a good one: the next failure starts with short waits again.
constexpr std::chrono::seconds kStable{10};
/// A server that cannot be reached is tried at least this often in the first minutes: it, or the way to it, is about to come
/// back. (One that answers and refuses is left alone for longer and longer from the beginning.)
constexpr Millis kEager{1'000};
constexpr std::chrono::minutes kEagerFor{5};
/// An attempt that changes of the network begin anew so often is left to itself, so that one that takes long can end.
constexpr int kMaxRestarts = 5;

/// What trying again cannot mend.
bool isFatal(Errc code) {
  return code == Errc::auth_failed || code == Errc::auth_required || code == Errc::version_mismatch ||
         code == Errc::invalid_argument || code == Errc::kicked || code == Errc::identity_required || code == Errc::name_taken ||
         code == Errc::certificate_rejected;
}

std::int64_t timestampOf(TimePoint at) {
  return std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
}
TimePoint timeOf(std::int64_t timestamp) { return TimePoint{std::chrono::microseconds{timestamp}}; }
/// The present, as exactly as a timestamp tells it.
TimePoint stampedNow() { return std::chrono::floor<std::chrono::microseconds>(Clock::now()); }
}  // namespace

ControlLink::ControlLink(net::IoThread& thread, const ClientConfig& config, ServerUrl url, const crypto::Identity& identity,
                         RandomSource& random, const Logger& log, Listener& listener)
    : thread_(thread),
      config_(config),
      url_(std::move(url)),
      identity_(identity),
      tls_(config, url_),
      random_(random),
      log_(log),
      listener_(listener),
      id_(config.clientId),
      backoff_(config.reconnectMin, config.reconnectMax),
      timer_(thread.context()),
      ways_(waysTo(url_, config)) {}

ControlLink::~ControlLink() {
  if (race_) race_->cancel();
  if (channel_) channel_->disown();
}

void ControlLink::start() {
  if (stage_ != Stage::idle) return;
  awaySince_ = Clock::now();
  attempt();
}

void ControlLink::stop() {
  const bool sayGoodbye = stage_ == Stage::registered;
  stage_ = Stage::stopped;
  timer_.cancel();
  cancelAttempt();
  if (!channel_) return;
  const auto channel = std::exchange(channel_, nullptr);
  channel->disown();
  if (sayGoodbye) channel->send(wire::encode(wire::MessageToServer{wire::Unregister{}}));
  channel->close(1000, "the client stops");
}

void ControlLink::cancelAttempt() {
  if (const auto race = std::exchange(race_, nullptr)) race->cancel();
}

void ControlLink::attempt() {
  stage_ = Stage::dialing;
  farewell_.reset();
  answered_ = false;
  // Another network may have another firewall, or none.
  if (std::exchange(newNetwork_, false)) way_ = 0;
  // One deadline for the whole attempt, from the resolver to the registration.
  timer_.expires_after(config_.connectTimeout);
  timer_.async_wait([this](const net::ErrorCode& ec) {
    if (ec || (stage_ != Stage::dialing && stage_ != Stage::registering)) return;
    std::optional<Error> error;
    if (race_) error = race_->standing().error;
    cancelAttempt();
    fail(error.value_or(Error{Errc::timed_out, url_.str(), "no answer"}), false);
  });
  race_ = std::make_shared<WayRace>(thread_, ways_, tls_, transports_, [this](WayRace::Result result) { onRaceEnd(std::move(result)); });
  const auto race = race_;  // it may end within
  race->start(way_, config_.connectTimeout);
}

void ControlLink::onRaceEnd(WayRace::Result result) {
  race_.reset();
  if (!result.channel) return fail(*result.error, isFatal(result.error->errc()));
  stage_ = Stage::registering;
  way_ = result.way;
  channel_ = std::move(result.channel);
  channel_->adopt(this);
  server_ = channel_->remoteEndpoint();
  sendRegister({});
}

std::optional<net::UdpEndpoint> ControlLink::udpServer() const {
  if (way().proxy) return std::nullopt;
  return net::UdpEndpoint{server_.address(), url_.at.port};
}

void ControlLink::onOpen(net::MessageChannel&) {}

/// Without a challenge it only asks for one: nothing can be proved yet.
void ControlLink::sendRegister(const std::vector<std::uint8_t>& challenge) {
  wire::Register message;
  message.clientId = id_;
  message.version = kProtocolVersion;
  message.publicKey = identity_.publicKey();
  message.temporaryKey = config_.identityFile.empty();
  if (!challenge.empty()) {
    message.signature = toHex(identity_.sign(crypto::registrationMessage(challenge, id_)));
    if (!config_.token.empty()) message.proof = crypto::tokenProof(config_.token, challenge, id_, identity_.publicKey().bytes);
  }
  message.software = std::string{"chuantou/"} + version();
  channel_->send(wire::encode(wire::MessageToServer{std::move(message)}));
}

void ControlLink::send(const wire::MessageToServer& message) {
  if (stage_ == Stage::registered && channel_) channel_->send(wire::encode(message));
}

void ControlLink::onText(net::MessageChannel&, std::string text) {
  const TimePoint now = stampedNow();
  answered_ = true;
  if (heartbeat_) heartbeat_->handleHeard(now);
  auto message = wire::decodeToClient(text);
  if (!message) {
    log_.log(LogLevel::warn, "control", "the server sent something that is not understood: {}", message.error().detail());
    if (stage_ == Stage::registering) fail(message.error(), false);
    return;
  }
  if (const auto* response = std::get_if<wire::RegisterResponse>(&*message)) return handleRegisterResponse(*response);
  if (const auto* beat = std::get_if<wire::Heartbeat>(&*message)) {
    const TimePoint askedAt = timeOf(beat->timestamp);
    if (!heartbeat_ || askedAt < registeredAt_ || askedAt > heartbeat_->askedAt()) return;
    heartbeat_->handleAnswer(now, askedAt);
    rtt_ = std::chrono::duration_cast<std::chrono::microseconds>(now - askedAt);
    return armBeat();
  }
  if (const auto* error = std::get_if<wire::ErrorMessage>(&*message)) {
    const bool ofId = error->code == Errc::kicked;
    farewell_.emplace(error->code, ofId ? id_ : url_.str(), error->message);
    log_.log(LogLevel::warn, "control", "the server says: {}", error->message);
    // It hears nothing from here: nor will it hear that this side closes.
    if (error->code == Errc::timed_out) fail(*farewell_, false);
    return;
  }
  if (stage_ == Stage::registered) listener_.onMessage(std::move(*message));
}

void ControlLink::onHeard(net::MessageChannel&) {
  if (heartbeat_) heartbeat_->handleHeard(stampedNow());
}
void ControlLink::onRequest(net::MessageChannel&, net::HttpRequest) {}

void ControlLink::handleRegisterResponse(const wire::RegisterResponse& response) {
  if (stage_ != Stage::registering) return;
  if (!response.success && !response.challenge.empty()) {
    if (config_.token.empty() && response.code != Errc::identity_required) return fail(Error{Errc::auth_required, url_.str()}, true);
    // Some challenge must be there before an id can be signed: the server makes ids for those that have none.
    std::vector<std::uint8_t> challenge(response.challenge.size() / 2);
    if (!fromHex(response.challenge, challenge)) return fail(Error{Errc::protocol_error, url_.str(), "a bad challenge"}, false);
    return sendRegister(challenge);
  }
  if (!response.success) {
    std::string subject = url_.str();
    if (response.code == Errc::invalid_argument) subject = "the client id " + id_;
    if (response.code == Errc::name_taken) return fail(Error{response.code, id_}, true);  // the server's words are the same
    return fail(Error{response.code, subject, response.error}, isFatal(response.code));
  }
  stage_ = Stage::registered;
  id_ = response.assignedId;
  ++registrations_;
  registeredAt_ = stampedNow();
  restarts_ = 0;
  hurry_ = false;
  if (ways_.size() > 1) log_.log(LogLevel::info, "control", "the way to the server: {}", way().str());
  Heartbeat::Times times{config_.heartbeatInterval, config_.heartbeatTimeout};
  if (response.heartbeatIntervalMs > 0) times.every = std::min<Duration>(times.every, Millis{response.heartbeatIntervalMs});
  if (response.heartbeatTimeoutMs > 0) times.deadAfter = std::min<Duration>(times.deadAfter, Millis{response.heartbeatTimeoutMs});
  heartbeat_.emplace(registeredAt_, times);
  beat();
  listener_.onRegistered(response);
}

void ControlLink::beat() {
  if (stage_ != Stage::registered) return;
  switch (heartbeat_->poll(stampedNow())) {
    case Heartbeat::Action::giveUp:
      hurry_ = true;
      return fail(Error{Errc::connection_lost, url_.str(), "nothing heard for too long"}, false);
    case Heartbeat::Action::ask:
      ask();
      break;
    case Heartbeat::Action::wait:
      break;
  }
  armBeat();
}

void ControlLink::ask() { send(wire::Heartbeat{timestampOf(heartbeat_->askedAt())}); }

void ControlLink::armBeat() {
  timer_.expires_at(heartbeat_->wakeAt());
  timer_.async_wait([this](const net::ErrorCode& ec) {
    if (!ec) beat();
  });
}

void ControlLink::doubt() {
  newNetwork_ = true;
  switch (stage_) {
    case Stage::idle:
    case Stage::stopped:
      return;
    case Stage::waiting:
      backoff_.reset();
      return attempt();
    case Stage::dialing:
    case Stage::registering:
      hurry_ = true;
      if (restarts_ == kMaxRestarts) return;
      ++restarts_;
      cancelAttempt();
      dropChannel("the network changed");
      return attempt();
    case Stage::registered:
      break;
  }
  if (!net::isLocalAddress(channel_->localEndpoint().address())) {
    hurry_ = true;
    return fail(Error{Errc::connection_lost, url_.str(), "this machine has another address now"}, false);
  }
  if (!heartbeat_->handleDoubt(stampedNow(), rtt_)) return;
  ask();
  armBeat();
}

void ControlLink::onClosed(net::MessageChannel& channel, const std::string& reason) {
  if (&channel != channel_.get()) return;
  channel_.reset();
  if (stage_ != Stage::registering && stage_ != Stage::registered) return;
  if (farewell_) return fail(*farewell_, isFatal(farewell_->errc()));
  const Errc code = stage_ == Stage::registered ? Errc::connection_lost : Errc::server_unreachable;
  fail(Error{code, url_.str(), reason}, false);
}

void ControlLink::dropChannel(const std::string& reason) {
  if (!channel_) return;
  const auto channel = std::exchange(channel_, nullptr);
  channel->disown();
  channel->abort(reason);
}

void ControlLink::fail(const Error& error, bool fatal) {
  const TimePoint now = Clock::now();
  const bool wasRegistered = stage_ == Stage::registered;
  // A way on which the server answered and then nothing came of it: the next one has the head start.
  if (stage_ == Stage::registering && !answered_) way_ = (way_ + 1) % ways_.size();
  if (wasRegistered) awaySince_ = now;
  if (wasRegistered && now - registeredAt_ >= kStable) backoff_.reset();
  stage_ = fatal ? Stage::stopped : Stage::waiting;
  restarts_ = 0;
  heartbeat_.reset();
  dropChannel(error.what());
  timer_.cancel();
  if (!fatal) {
    const bool eager = (wasRegistered || !answered_) && now - awaySince_ < kEagerFor;
    const Millis wait = backoff_.next(random_, eager ? kEager : Millis::max());
    attemptIn(std::exchange(hurry_, false) ? Duration{} : wait);
  }
  if (wasRegistered) listener_.onLost(error);
  listener_.onAttemptFailed(error, fatal);
}

void ControlLink::attemptIn(Duration wait) {
  timer_.expires_after(wait);
  timer_.async_wait([this](const net::ErrorCode& ec) {
    if (!ec && stage_ == Stage::waiting) attempt();
  });
}

}  // namespace chuantou::engine
