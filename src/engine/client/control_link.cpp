#include "engine/client/control_link.hpp"

#include "base/hex.hpp"
#include "chuantou/version.hpp"
#include "net/sys_error.hpp"
#include "crypto/token_proof.hpp"

namespace chuantou::engine {

namespace {
/// A registration that lasted this long was a good one: the next failure starts with short waits again.
constexpr std::chrono::seconds kStable{10};

/// What trying again cannot mend.
bool isFatal(Errc code) {
  return code == Errc::auth_failed || code == Errc::auth_required || code == Errc::version_mismatch ||
         code == Errc::invalid_argument || code == Errc::kicked || code == Errc::identity_required || code == Errc::name_taken ||
         code == Errc::certificate_rejected;
}

std::int64_t timestampOf(TimePoint at) {
  return std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
}
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
      beatEvery_(config.heartbeatInterval),
      deadAfter_(config.heartbeatTimeout) {}

ControlLink::~ControlLink() {
  if (handshake_) handshake_->cancel();
  if (channel_) channel_->disown();
}

void ControlLink::start() {
  if (stage_ == Stage::idle) attempt();
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
  net::cancelDial(std::exchange(dial_, nullptr));
  if (const auto handshake = std::exchange(handshake_, nullptr)) handshake->cancel();
}

void ControlLink::attempt() {
  stage_ = Stage::dialing;
  farewell_.reset();
  // One deadline for the whole attempt, from the resolver to the registration.
  timer_.expires_after(config_.connectTimeout);
  timer_.async_wait([this](const net::ErrorCode& ec) {
    if (ec || (stage_ != Stage::dialing && stage_ != Stage::registering)) return;
    cancelAttempt();
    fail(Error{Errc::timed_out, url_.str(), "no answer"}, false);
  });
  dial_ = net::dial(thread_.context(), url_.at.host, url_.at.port, config_.connectTimeout,
                    [this](const net::ErrorCode& ec, net::TcpSocket socket) { onConnected(ec, std::move(socket)); });
}

void ControlLink::onConnected(const net::ErrorCode& ec, net::TcpSocket socket) {
  if (stage_ != Stage::dialing) return;
  dial_.reset();
  if (ec) return fail(net::serverError(ec, url_.str()), false);
  if (!tls_.wanted()) return openChannel(std::move(socket));
  handshake_ = tls_.shakeHands(thread_, std::move(socket), [this](const Error* error, std::unique_ptr<net::TlsSocket> secured) {
    handshake_.reset();
    if (error) return fail(*error, isFatal(error->errc()));
    openChannel(std::move(secured));
  });
  if (stage_ != Stage::dialing) handshake_.reset();  // it has ended already
}

template <class Socket>
void ControlLink::openChannel(Socket socket) {
  stage_ = Stage::registering;
  auto codec = net::WebSocketCodec::client(formatHostPort(url_.at.host, url_.at.port), url_.path, wire::kMaxMessageToClient);
  channel_ = std::make_shared<net::MessageChannel>(thread_, std::move(socket), std::move(codec), static_cast<net::MessageChannel::Owner*>(this));
  server_ = channel_->remoteEndpoint();
  channel_->start();
}

void ControlLink::onOpen(net::MessageChannel&) { sendRegister({}); }

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
  heardAt_ = Clock::now();
  auto message = wire::decodeToClient(text);
  if (!message) {
    log_.log(LogLevel::warn, "control", "the server sent something that is not understood: {}", message.error().detail());
    if (stage_ == Stage::registering) fail(message.error(), false);
    return;
  }
  if (const auto* response = std::get_if<wire::RegisterResponse>(&*message)) return handleRegisterResponse(*response);
  if (const auto* beat = std::get_if<wire::Heartbeat>(&*message)) {
    if (beat->timestamp == timestampOf(beatAt_)) {
      rtt_ = std::chrono::duration_cast<std::chrono::microseconds>(heardAt_ - beatAt_);
    }
    return;
  }
  if (const auto* error = std::get_if<wire::ErrorMessage>(&*message)) {
    const bool ofId = error->code == Errc::kicked;
    farewell_.emplace(error->code, ofId ? id_ : url_.str(), error->message);
    log_.log(LogLevel::warn, "control", "the server says: {}", error->message);
    return;
  }
  if (stage_ == Stage::registered) listener_.onMessage(std::move(*message));
}

void ControlLink::onHeard(net::MessageChannel&) { heardAt_ = Clock::now(); }
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
  registeredAt_ = heardAt_ = Clock::now();
  if (response.heartbeatIntervalMs > 0) beatEvery_ = std::min<Duration>(beatEvery_, Millis{response.heartbeatIntervalMs});
  if (response.heartbeatTimeoutMs > 0) deadAfter_ = std::min<Duration>(deadAfter_, Millis{response.heartbeatTimeoutMs});
  beat();
  listener_.onRegistered(response);
}

void ControlLink::beat() {
  if (stage_ != Stage::registered) return;
  const TimePoint now = Clock::now();
  if (now - heardAt_ >= deadAfter_) {
    return fail(Error{Errc::connection_lost, url_.str(), "nothing heard for too long"}, false);
  }
  if (now - beatAt_ >= beatEvery_ || registeredAt_ == heardAt_) {
    beatAt_ = now;
    send(wire::Heartbeat{timestampOf(now)});
  }
  timer_.expires_at(std::min<TimePoint>(beatAt_ + beatEvery_, now + deadAfter_ / 8));
  timer_.async_wait([this](const net::ErrorCode& ec) {
    if (!ec) beat();
  });
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
  const bool wasRegistered = stage_ == Stage::registered;
  if (wasRegistered && Clock::now() - registeredAt_ >= kStable) backoff_.reset();
  stage_ = fatal ? Stage::stopped : Stage::waiting;
  dropChannel(error.what());
  timer_.cancel();
  if (!fatal) {
    const Millis wait = backoff_.next(random_);
    timer_.expires_after(wait);
    timer_.async_wait([this](const net::ErrorCode& ec) {
      if (!ec && stage_ == Stage::waiting) attempt();
    });
  }
  if (wasRegistered) listener_.onLost(error);
  listener_.onAttemptFailed(error, fatal);
}

}  // namespace chuantou::engine
