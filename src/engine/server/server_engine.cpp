#include "engine/server/server_engine.hpp"

#include "base/endpoint_text.hpp"
#include "engine/server/server_sockets.hpp"
#include "net/tls_bridge.hpp"

namespace chuantou::engine {

namespace {

constexpr std::chrono::minutes kBetweenWarnings{1};

std::vector<std::string> certificateNames(const ServerConfig& config) {
  std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
  if (!config.host.empty()) names.push_back(config.host);
  return names;
}

}  // namespace

ServerEngine::ServerEngine(ServerConfig config)
    : config_(std::move(config)), log_(config_.log, config_.logLevel, config_.language) {
  if (config_.handshakeTimeout <= Millis{0} || config_.pairingTimeout <= Millis{0} ||
      config_.heartbeatInterval <= Millis{0} || config_.heartbeatTimeout <= config_.heartbeatInterval ||
      config_.returnTimeout < Millis{0}) {
    throw Error{Errc::invalid_argument, "a time-out", "they must be positive, and the heartbeat's longer than its interval"};
  }
  if (config_.maxPending == 0 || config_.maxPendingPerAddress == 0 || config_.maxRegistrationsPerMinute == 0 ||
      config_.maxAuthFailuresPerMinute == 0 || config_.maxStunPerMinute == 0 || config_.maxMessageBytes < 4'096 ||
      config_.maxMessageBytes > wire::kMaxMessageToServer) {
    throw Error{Errc::invalid_argument, "a limit", "0 would let nobody in, and a message has 4,096 to 65,536 bytes"};
  }
  if (config_.tlsCertificateFile.empty() != config_.tlsKeyFile.empty()) {
    throw Error{Errc::invalid_argument, "a certificate without its key, or the reverse", "give both --tls-cert and --tls-key"};
  }
  if (!config_.stunAltAddress.empty()) {
    auto wanted = parseStunAltAddress(config_.stunAltAddress);
    if (!wanted) throw wanted.error();
    stunAlt_ = *wanted;
  }
}

ServerEngine::~ServerEngine() { stop(); }

void ServerEngine::start() {
  const std::lock_guard one{startStop_};
  {
    const std::lock_guard lock{lifecycle_};
    if (running_) return;
    front_ = std::make_shared<net::IoThread>();
  }
  random_ = std::make_unique<net::SystemRandom>();

  relay::BrokerConfig broker;
  broker.heartbeatInterval = config_.heartbeatInterval;
  broker.heartbeatTimeout = config_.heartbeatTimeout;
  broker.returnTimeout = config_.returnTimeout;
  broker.registerTimeout = config_.handshakeTimeout;
  broker.keyPatience = config_.handshakeTimeout;
  broker.pairingTimeout = config_.pairingTimeout;
  broker.maxClients = config_.maxClients;
  broker.maxSessionsPerClient = config_.maxSessionsPerClient;
  broker.maxWaitingChannels = config_.maxPending;
  makeBroker(std::move(broker));
  gate_ = std::make_unique<Gate>(config_, *random_);

  certificate_ = std::make_unique<TlsCertificate>(config_.tlsCertificateFile, config_.tlsKeyFile, certificateNames(config_), log_);
  certificate_->load();
  listen();
  tcp_ = std::make_unique<TcpRelay>(*front_, config_.threads, [this](SessionId session, std::uint64_t bytes) { onSessionEnded(session, bytes); });
  startedAt_ = Clock::now();
  serveHttp_ = true;
  deadlines_ = std::make_unique<net::DeadlineQueue>(front_->executor(), config_.handshakeTimeout);
  tickTimer_ = std::make_unique<net::Timer>(front_->context());
  for (net::AcceptLoop& loop : acceptors_) loop.start();
  udp_->start([this](net::UdpSocket& socket, const net::Datagram& datagram) { return stun_->handle(socket, datagram); });
  stun_->start();
  tick();
  {
    const std::lock_guard lock{lifecycle_};
    running_ = true;
  }
  tcp_->start();
  front_->start();
  log_.log(LogLevel::info, "server", "listening on {}", formatHostPort(host_, port_));
}

void ServerEngine::listen() {
  auto opened = openServerSockets(front_->context(), config_, stunAlt_);
  if (!opened) throw opened.error();
  host_ = std::move(opened->host);
  port_ = opened->port;
  extraPorts_ = std::move(opened->extraPorts);
  for (net::Acceptor& acceptor : opened->tcp) {
    acceptors_.emplace_back(
        std::move(acceptor), [this](net::TcpSocket socket) { onAccepted(std::move(socket)); },
        [this](const net::ErrorCode& ec) { onCannotAccept(ec); });
  }
  broker_->relayPort = port_;
  udp_ = std::make_unique<UdpRelay>(std::move(opened->udp));
  stun_ = std::make_unique<StunService>(config_.maxStunPerMinute, std::move(opened->second), udp_->sockets(), *random_);
}

void ServerEngine::stop() noexcept {
  const std::lock_guard one{startStop_};
  {
    const std::lock_guard lock{lifecycle_};
    if (!std::exchange(running_, false)) return;
  }
  std::unique_ptr<asio::thread_pool> workers;
  front_->tryCall([this, &workers] {
    serveHttp_ = false;
    workers = std::move(httpWorkers_);
    for (const auto& [id, channel] : controls_) channel->close(1001, "the server stops");
    return true;
  });
  if (workers) {  // a handler may be asking this very server: its question is answered, or refused, before
    workers->stop();
    workers->join();
  }
  front_->stop();
  tcp_->stop();
  // In an order in which nothing refers to what is gone: sockets and handlers first, contexts last.
  tcp_.reset();
  channels_.clear();
  controls_.clear();
  acceptors_.clear();
  gate_.reset();
  stun_.reset();
  udp_.reset();
  state_.reset();
  deadlines_.reset();
  tickTimer_.reset();
  {
    const std::lock_guard lock{lifecycle_};
    front_.reset();
  }
  log_.log(LogLevel::info, "server", "stopped");
}

relay::Now ServerEngine::now() const {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return relay::Now{Clock::now(), std::chrono::duration_cast<Millis>(wall).count()};
}

void ServerEngine::tick() {
  const Duration every = std::min<Duration>(Millis{500}, config_.heartbeatTimeout / 8);
  tickTimer_->expires_after(std::max<Duration>(every, Millis{10}));
  tickTimer_->async_wait([this](const net::ErrorCode& ec) {
    if (ec) return;
    broker_->handleTick(now());
    gate_->handleTick();
    drain();
    certificate_->look(Clock::now());
    tick();
  });
}

// ---------------------------------------------------------------- connections

void ServerEngine::onAccepted(net::TcpSocket socket) {
  ++accepted_;
  if (connections_ >= config_.maxConnections) gate_->handleShortage();
  if (connections_ >= config_.maxConnections) {
    ++rejected_;
    ++counts_.refusedConnections;
    return;
  }
  net::ErrorCode ignored;
  const relay::PeerId peer = gate_->handleAccepted(socket.remote_endpoint(ignored));
  ++connections_;
  auto reader = std::make_shared<FirstBytesReader>(peer, std::move(socket), static_cast<FirstBytesReader::Owner&>(*this));
  gate_->becomes(peer, [weak = std::weak_ptr{reader}] {
    if (const auto stranger = weak.lock()) stranger->drop();
  });
  deadlines_->add(reader);
  reader->start();
}

void ServerEngine::onCannotAccept(const net::ErrorCode& ec) {
  gate_->handleShortage();
  const TimePoint at = Clock::now();
  if (toldShortage_ && at < *toldShortage_ + kBetweenWarnings) return;
  toldShortage_ = at;
  log_.log(LogLevel::warn, "server", "cannot accept: {}", ec.message());
}

void ServerEngine::onRefused(relay::PeerId peer, bool late) {
  gate_->handleClosed(peer);
  --connections_;
  ++rejected_;
  if (late) ++counts_.late;
}

void ServerEngine::onDataChannel(relay::PeerId peer, net::TcpSocket socket, const DataKey& key) {
  const auto id = static_cast<std::uint64_t>(peer);
  channels_.emplace(id, std::move(socket));
  gate_->becomes(peer, [this, id, key] {
    broker_->handleDataChannelClosed(relay::ChannelId{id}, key);
    perform(relay::DropChannel{relay::ChannelId{id}});
  });
  broker_->handleDataChannel(now(), relay::ChannelId{id}, key);
  drain();
}

void ServerEngine::onHttp(relay::PeerId peer, net::TcpSocket socket, std::span<const std::uint8_t> first) {
  openControl(peer, std::move(socket), first);
}
void ServerEngine::onHttp(relay::PeerId peer, std::unique_ptr<net::TlsSocket> socket, std::span<const std::uint8_t> first) {
  openControl(peer, std::move(socket), first);
}

template <class Socket>
void ServerEngine::openControl(relay::PeerId peer, Socket socket, std::span<const std::uint8_t> first) {
  // It becomes a control channel at its handshake's end, until which the broker's deadline watches it.
  const auto id = static_cast<std::uint64_t>(peer);
  auto channel = std::make_shared<net::MessageChannel>(*front_, std::move(socket),
                                                       net::WebSocketCodec::server(config_.maxMessageBytes),
                                                       static_cast<net::MessageChannel::Owner*>(this));
  channel->tag = id;
  channel->maxQueued = config_.maxQueuedBytes;
  controls_.emplace(id, channel);
  gate_->becomes(peer, [this, weak = std::weak_ptr{channel}] {
    const auto stranger = weak.lock();
    if (!stranger) return;
    ++rejected_;
    stranger->abort("dropped for others");
  });
  broker_->handleControlOpened(now(), ControlId{id}, channel->remoteAddress());
  channel->start(first);
  drain();
}

std::unique_ptr<net::TlsSocket> ServerEngine::onTls(net::TcpSocket socket, std::span<const std::uint8_t> first) {
  try {
    return std::make_unique<net::TlsSocket>(*front_, std::move(socket), certificate_->context(), crypto::TlsRole::server, first);
  } catch (const Error& error) {
    log_.error(LogLevel::error, "tls", error);
    return nullptr;
  }
}

void ServerEngine::onDataChannel(relay::PeerId peer, std::unique_ptr<net::TlsSocket> socket, const DataKey& key) {
  net::TcpSocket bridge = net::TlsBridge::start(*front_, std::move(socket));
  if (!bridge.is_open()) {
    log_.error(LogLevel::warn, "tls", Error{Errc::too_many_open_files, "a data channel inside TLS"});
    return onRefused(peer, false);
  }
  onDataChannel(peer, std::move(bridge), key);
}

// ------------------------------------------------------------ control channels

void ServerEngine::onOpen(net::MessageChannel&) {}

bool ServerEngine::mayRegister(net::MessageChannel& channel, const wire::Register& message) {
  const auto id = ClientId::parse(message.clientId);
  const relay::ClientRecord* record = id ? broker_->clients().find(*id) : nullptr;
  const bool again = record && record->control && record->address == channel.remoteAddress();
  const char* why = gate_->handleRegister(relay::PeerId{channel.tag}, again);
  if (why) broker_->handleRegisterRefused(now(), ControlId{channel.tag}, why);
  return !why;
}

void ServerEngine::onText(net::MessageChannel& channel, std::string text) {
  counts_.longestMessage = std::max(counts_.longestMessage, text.size());
  auto message = wire::decodeToServer(text);
  if (message) {
    const auto* registering = std::get_if<wire::Register>(&*message);
    if (registering && !mayRegister(channel, *registering)) return drain();
    broker_->handleMessage(now(), ControlId{channel.tag}, std::move(*message));
  } else {
    log_.log(LogLevel::debug, "control", "{}: {}", channel.remoteAddress(), message.error().detail());
    broker_->handleBadMessage(now(), ControlId{channel.tag}, message.error());
  }
  drain();
}

void ServerEngine::onHeard(net::MessageChannel& channel) { broker_->handleHeard(now(), ControlId{channel.tag}); }

void ServerEngine::onRequest(net::MessageChannel& channel, net::HttpRequest request) {
  if (!httpHandler_ || !serveHttp_) return channel.respond(net::HttpResponse{404, "text/plain", "Not Found\n"});
  if (!httpWorkers_) httpWorkers_ = std::make_unique<asio::thread_pool>(1);
  asio::post(*httpWorkers_, [this, handler = httpHandler_, target = channel.weak_from_this(), request = std::move(request)] {
    net::HttpResponse response = handler(request);
    asio::post(front_->context(), [target, response = std::move(response)] {
      if (const auto asker = target.lock()) asker->respond(response);
    });
  });
}

void ServerEngine::onClosed(net::MessageChannel& channel, const std::string& reason) {
  const std::uint64_t id = channel.tag;
  log_.log(LogLevel::debug, "control", "{} closed: {}", channel.remoteAddress(), reason);
  if (controls_.erase(id) == 0) return;
  gate_->handleClosed(relay::PeerId{id});
  --connections_;
  if (channel.fault() == net::MessageChannel::Fault::tooLong) ++counts_.tooLong;
  if (channel.fault() == net::MessageChannel::Fault::notReading) ++counts_.cutOff;
  broker_->handleControlClosed(now(), ControlId{id});
  // Not within the channel's own call: what the broker wants next may concern other channels in the middle of theirs.
  asio::post(front_->context(), [this] { drain(); });
}

// ---------------------------------------------------------------------- broker

void ServerEngine::drain() {
  while (const auto channel = broker_->pollProved()) gate_->handleProved(relay::PeerId{static_cast<std::uint64_t>(*channel)});
  while (auto action = broker_->pollAction()) {
    std::visit([this](auto& a) { perform(std::move(a)); }, *action);
  }
}

void ServerEngine::perform(relay::Send action) {
  const auto it = controls_.find(static_cast<std::uint64_t>(action.to));
  if (it == controls_.end()) return;
  const auto channel = it->second;  // send() may end it
  if (const auto* response = std::get_if<wire::RegisterResponse>(&action.message)) {
    gate_->handleRegisterResponse(relay::PeerId{channel->tag}, *response);
    if (response->success) {
      log_.log(LogLevel::info, "control", "{} registered from {}{}", response->assignedId, channel->remoteAddress(),
               response->existingKicked ? ", replacing an older connection" : "");
    } else if (response->challenge.empty()) {
      log_.log(LogLevel::warn, "control", "refused a registration from {}: {}", channel->remoteAddress(), response->error);
    }
  }
  channel->send(wire::encode(action.message));
}

void ServerEngine::perform(relay::CloseControl action) {
  const auto it = controls_.find(static_cast<std::uint64_t>(action.control));
  if (it == controls_.end()) return;
  const std::shared_ptr channel = it->second;
  if (action.silent) return channel->reset("nothing heard for too long");
  channel->close(1000, "");
}

void ServerEngine::perform(relay::Pair action) {
  auto a = channels_.extract(static_cast<std::uint64_t>(action.initiator));
  auto b = channels_.extract(static_cast<std::uint64_t>(action.target));
  if (a.empty() || b.empty()) return;
  tcp_->add(action.session, std::move(a.mapped()), std::move(b.mapped()));
}

void ServerEngine::perform(relay::DropChannel action) {
  if (channels_.erase(static_cast<std::uint64_t>(action.channel)) == 0) return;
  gate_->handleClosed(relay::PeerId{static_cast<std::uint64_t>(action.channel)});
  --connections_;
  ++rejected_;
}

void ServerEngine::perform(relay::EndSession action) { tcp_->end(action.session); }
void ServerEngine::perform(relay::AddUdp action) { udp_->add(action.initiator, action.initiatorKey, action.targetKey); }
void ServerEngine::perform(relay::RemoveUdp action) { udp_->remove(action.initiator); }

void ServerEngine::onSessionEnded(SessionId session, std::uint64_t bytes) {
  relayedBytes_ += bytes;
  connections_ -= 2;
  broker_->handleSessionEnded(session);
  drain();
}

}  // namespace chuantou::engine
