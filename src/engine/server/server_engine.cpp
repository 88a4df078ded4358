#include "engine/server/server_engine.hpp"

#include <thread>

#include "base/endpoint_text.hpp"
#include "crypto/token_proof.hpp"
#include "net/listener.hpp"
#include "net/tls_bridge.hpp"

namespace chuantou::engine {

namespace {

bool isLoopback(const std::string& host) {
  if (host == "localhost") return true;
  net::ErrorCode ec;
  const auto address = asio::ip::make_address(host, ec);
  return !ec && address.is_loopback();
}

std::vector<std::string> hostsOf(const ServerConfig& config) {
  if (!config.host.empty() && config.host != "0.0.0.0") return {config.host};
  const bool open = !config.token.empty() || config.allowAnonymous;
  if (!config.host.empty() && !open) {
    throw Error{Errc::invalid_argument, "listening on 0.0.0.0 without a token",
                "give --token, or --allow-anonymous if anyone may use this server"};
  }
  if (!open) return {"127.0.0.1", "::1"};
  return {"0.0.0.0", "::"};
}

std::vector<std::string> certificateNames(const ServerConfig& config) {
  std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
  if (!config.host.empty()) names.push_back(config.host);
  return names;
}

}  // namespace

ServerEngine::ServerEngine(ServerConfig config)
    : config_(std::move(config)), log_(config_.log, config_.logLevel, config_.language) {
  if (config_.handshakeTimeout <= Millis{0} || config_.pairingTimeout <= Millis{0} ||
      config_.heartbeatInterval <= Millis{0} || config_.heartbeatTimeout <= config_.heartbeatInterval) {
    throw Error{Errc::invalid_argument, "a time-out", "they must be positive, and the heartbeat's longer than its interval"};
  }
  if (config_.tlsCertificateFile.empty() != config_.tlsKeyFile.empty()) {
    throw Error{Errc::invalid_argument, "a certificate without its key, or the reverse", "give both --tls-cert and --tls-key"};
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
  if (!config_.token.empty()) {
    broker.checkProof = [token = config_.token](std::span<const std::uint8_t> challenge, std::string_view id,
                                                std::string_view proof) {
      return crypto::tokenProofMatches(token, challenge, id, {}, proof);
    };
  }
  broker.heartbeatInterval = config_.heartbeatInterval;
  broker.heartbeatTimeout = config_.heartbeatTimeout;
  broker.registerTimeout = config_.handshakeTimeout;
  broker.keyPatience = config_.handshakeTimeout;
  broker.pairingTimeout = config_.pairingTimeout;
  broker.maxClients = config_.maxClients;
  broker.maxSessionsPerClient = config_.maxSessionsPerClient;
  broker.maxWaitingChannels = config_.maxPending;
  broker_ = std::make_unique<relay::Broker>(std::move(broker), *random_);

  certificate_ = std::make_unique<TlsCertificate>(config_.tlsCertificateFile, config_.tlsKeyFile, certificateNames(config_), log_);
  certificate_->load();
  listen();
  unsigned threads = config_.threads;
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency() / 2);
  if (threads > 1) {
    for (unsigned i = 0; i < threads; ++i) relayThreads_.push_back(std::make_unique<net::IoThread>());
  }
  startedAt_ = Clock::now();
  serveHttp_ = true;
  deadlines_ = std::make_unique<net::DeadlineQueue>(front_->executor(), config_.handshakeTimeout);
  tickTimer_ = std::make_unique<net::Timer>(front_->context());
  for (net::AcceptLoop& loop : acceptors_) loop.start();
  udp_->start();
  tick();
  {
    const std::lock_guard lock{lifecycle_};
    running_ = true;
  }
  for (const auto& thread : relayThreads_) thread->start();
  front_->start();
  log_.log(LogLevel::info, "server", "listening on {}", formatHostPort(host_, port_));
}

void ServerEngine::listen() {
  net::ListenOptions options;
  options.hosts = hostsOf(config_);
  if (config_.token.empty() && !config_.allowAnonymous && !isLoopback(options.hosts.front())) {
    throw Error{Errc::invalid_argument, "listening on " + options.hosts.front() + " without a token",
                "give --token, or --allow-anonymous if anyone may use this server"};
  }
  options.port = config_.port;
  auto listening = net::listenOn(front_->context(), options);
  if (!listening) throw listening.error();
  for (net::Acceptor& acceptor : listening->tcp) {
    acceptors_.emplace_back(
        std::move(acceptor), [this](net::TcpSocket socket) { onAccepted(std::move(socket)); },
        [this](const net::ErrorCode& ec) { log_.log(LogLevel::warn, "server", "cannot accept: {}", ec.message()); });
  }
  host_ = listening->host;
  port_ = listening->port;
  broker_->relayPort = port_;
  udp_ = std::make_unique<UdpRelay>(std::move(listening->udp));
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
  for (const auto& thread : relayThreads_) thread->stop();
  // In an order in which nothing refers to what is gone: sockets and handlers first, contexts last.
  relays_.clear();
  channels_.clear();
  controls_.clear();
  acceptors_.clear();
  udp_.reset();
  deadlines_.reset();
  tickTimer_.reset();
  relayThreads_.clear();
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
  const Duration every = std::min<Duration>(std::chrono::seconds{1}, config_.heartbeatTimeout / 8);
  tickTimer_->expires_after(std::max<Duration>(every, Millis{10}));
  tickTimer_->async_wait([this](const net::ErrorCode& ec) {
    if (ec) return;
    broker_->handleTick(now());
    drain();
    certificate_->look(Clock::now());
    tick();
  });
}

// ---------------------------------------------------------------- connections

void ServerEngine::onAccepted(net::TcpSocket socket) {
  ++accepted_;
  if (connections_ >= config_.maxConnections) {
    ++rejected_;
    return;
  }
  // An honest connection says at once what it is: whoever fills the room with silence loses that first.
  if (pending_ >= config_.maxPending) deadlines_->expireOldest();
  ++connections_;
  ++pending_;
  auto reader = std::make_shared<FirstBytesReader>(std::move(socket), static_cast<FirstBytesReader::Owner&>(*this));
  deadlines_->add(reader);
  reader->start();
}

void ServerEngine::onRefused() {
  --pending_;
  --connections_;
  ++rejected_;
}

void ServerEngine::onDataChannel(net::TcpSocket socket, const DataKey& key) {
  --pending_;
  const std::uint64_t id = ++lastChannel_;
  channels_.emplace(id, std::move(socket));
  broker_->handleDataChannel(now(), relay::ChannelId{id}, key);
  drain();
}

void ServerEngine::onHttp(net::TcpSocket socket, std::span<const std::uint8_t> first) { openControl(std::move(socket), first); }
void ServerEngine::onHttp(std::unique_ptr<net::TlsSocket> socket, std::span<const std::uint8_t> first) {
  openControl(std::move(socket), first);
}

template <class Socket>
void ServerEngine::openControl(Socket socket, std::span<const std::uint8_t> first) {
  // Still pending: it becomes a control channel at its handshake's end, until which the broker's deadline watches it.
  const std::uint64_t id = ++lastControl_;
  auto channel = std::make_shared<net::MessageChannel>(*front_, std::move(socket),
                                                       net::WebSocketCodec::server(wire::kMaxMessageToServer),
                                                       static_cast<net::MessageChannel::Owner*>(this));
  channel->tag = id;
  controls_.emplace(id, channel);
  --pending_;
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

void ServerEngine::onDataChannel(std::unique_ptr<net::TlsSocket> socket, const DataKey& key) {
  net::TcpSocket bridge = net::TlsBridge::start(*front_, std::move(socket));
  if (!bridge.is_open()) {
    log_.error(LogLevel::warn, "tls", Error{Errc::too_many_open_files, "a data channel inside TLS"});
    return onRefused();
  }
  onDataChannel(std::move(bridge), key);
}

// ------------------------------------------------------------ control channels

void ServerEngine::onOpen(net::MessageChannel&) {}

void ServerEngine::onText(net::MessageChannel& channel, std::string text) {
  auto message = wire::decodeToServer(text);
  if (message) {
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
  --connections_;
  broker_->handleControlClosed(now(), ControlId{id});
  // Not within the channel's own call: what the broker wants next may concern other channels in the middle of theirs.
  asio::post(front_->context(), [this] { drain(); });
}

// ---------------------------------------------------------------------- broker

void ServerEngine::drain() {
  while (auto action = broker_->pollAction()) {
    std::visit([this](auto& a) { perform(std::move(a)); }, *action);
  }
}

void ServerEngine::perform(relay::Send action) {
  const auto it = controls_.find(static_cast<std::uint64_t>(action.to));
  if (it == controls_.end()) return;
  const auto channel = it->second;  // send() may end it
  if (const auto* response = std::get_if<wire::RegisterResponse>(&action.message)) {
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
  if (it != controls_.end()) std::shared_ptr{it->second}->close(1000, "");
}

void ServerEngine::perform(relay::Pair action) {
  auto a = channels_.extract(static_cast<std::uint64_t>(action.initiator));
  auto b = channels_.extract(static_cast<std::uint64_t>(action.target));
  if (a.empty() || b.empty()) return;
  startPump(action.session, std::move(a.mapped()), std::move(b.mapped()));
}

void ServerEngine::perform(relay::DropChannel action) {
  if (channels_.erase(static_cast<std::uint64_t>(action.channel)) == 0) return;
  --connections_;
  ++rejected_;
}

void ServerEngine::perform(relay::EndSession action) {
  const auto it = relays_.find(static_cast<std::uint64_t>(action.session));
  if (it == relays_.end()) return;
  asio::post(it->second.thread->context(), [pump = it->second.pump] { pump->abort(); });
}

void ServerEngine::perform(relay::AddUdp action) { udp_->add(action.initiator, action.initiatorKey, action.targetKey); }
void ServerEngine::perform(relay::RemoveUdp action) { udp_->remove(action.initiator); }

net::IoThread& ServerEngine::nextRelayThread() {
  if (relayThreads_.empty()) return *front_;
  return *relayThreads_[nextThread_++ % relayThreads_.size()];
}

namespace {
/// Moves a socket to another thread's context.
net::TcpSocket moveTo(net::IoThread& thread, net::TcpSocket socket) {
  net::ErrorCode ec;
  const auto protocol = socket.local_endpoint(ec).protocol();
  const auto handle = socket.release(ec);
  net::TcpSocket out{thread.context()};
  if (!ec) out.assign(protocol, handle, ec);
  if (!ec) out.non_blocking(true, ec);
  return out;
}
}  // namespace

void ServerEngine::startPump(SessionId session, net::TcpSocket initiator, net::TcpSocket target) {
  net::IoThread& thread = nextRelayThread();
  if (&thread != front_.get()) {
    initiator = moveTo(thread, std::move(initiator));
    target = moveTo(thread, std::move(target));
  }
  auto pump = std::make_shared<net::Pump>(thread, std::move(initiator), std::move(target),
                                          [this, session](const net::PumpResult& result) { onPumpEnd(session, result); });
  relays_.emplace(static_cast<std::uint64_t>(session), Relay{pump, &thread});
  if (&thread == front_.get()) return pump->start();
  asio::post(thread.context(), [pump] { pump->start(); });
}

/// On the pump's thread.
void ServerEngine::onPumpEnd(SessionId session, const net::PumpResult& result) {
  relayedBytes_.fetch_add(result.bytesAtoB + result.bytesBtoA, std::memory_order_relaxed);
  asio::post(front_->context(), [this, session] {
    if (relays_.erase(static_cast<std::uint64_t>(session)) == 0) return;
    connections_ -= 2;
    broker_->handleSessionEnded(session);
    drain();
  });
}

// --------------------------------------------------------------------- queries

template <class F>
auto ServerEngine::onFront(F f) -> decltype(f()) {
  std::shared_ptr<net::IoThread> front;
  {
    const std::lock_guard lock{lifecycle_};
    if (!running_) return {};
    front = front_;
  }
  return front->tryCall(std::move(f)).value_or(decltype(f()){});
}

std::vector<ServerClientInfo> ServerEngine::clients() {
  return onFront([this] {
    std::vector<ServerClientInfo> out;
    const TimePoint at = Clock::now();
    for (const relay::ClientRecord* record : broker_->clients().list()) {
      out.push_back(ServerClientInfo{record->id.str(), record->address,
                                     std::chrono::duration_cast<Millis>(at - record->since), record->sessions});
    }
    return out;
  });
}

std::vector<ServerSessionInfo> ServerEngine::sessions(std::size_t limit) {
  return onFront([this, limit] {
    std::vector<ServerSessionInfo> out;
    const TimePoint at = Clock::now();
    for (const auto& [number, session] : broker_->sessions().all()) {
      if (out.size() >= limit) break;
      out.push_back(ServerSessionInfo{toString(session.id), session.clientOf(relay::Side::initiator).str(),
                                      session.clientOf(relay::Side::target).str(), session.port,
                                      session.transport == wire::Transport::tcp ? "tcp" : "udp",
                                      session.joined ? "connected" : "pairing",
                                      std::chrono::duration_cast<Millis>(at - session.createdAt)});
    }
    return out;
  });
}

ServerStats ServerEngine::stats() {
  return onFront([this] {
    ServerStats out;
    out.uptime = std::chrono::duration_cast<Millis>(Clock::now() - startedAt_);
    out.clients = broker_->clients().online();
    out.sessions = broker_->sessions().size();
    out.connections = connections_;
    out.pendingConnections = pending_;
    out.acceptedTotal = accepted_;
    out.rejectedTotal = rejected_;
    out.registrationsTotal = broker_->stats().registrations;
    out.authFailures = broker_->stats().authFailures;
    out.sessionsTotal = broker_->stats().sessions;
    out.relayedBytes = relayedBytes_.load(std::memory_order_relaxed);
    out.relayedDatagrams = udp_->stats().datagrams.load(std::memory_order_relaxed);
    out.relayedDatagramBytes = udp_->stats().bytes.load(std::memory_order_relaxed);
    out.droppedDatagrams = udp_->stats().dropped.load(std::memory_order_relaxed);
    return out;
  });
}

ServerCertificate ServerEngine::certificate() {
  return onFront([this] {
    try {
      const crypto::CertificateInfo& info = certificate_->info();
      return ServerCertificate{info.fingerprint.str(), info.expires};
    } catch (const Error& error) {
      log_.error(LogLevel::error, "tls", error);
      return ServerCertificate{};
    }
  });
}

bool ServerEngine::kick(const std::string& clientId) {
  return onFront([this, &clientId] {
    const auto id = ClientId::parse(clientId);
    if (!id || !broker_->handleKick(*id)) return false;
    drain();
    return true;
  });
}

}  // namespace chuantou::engine
