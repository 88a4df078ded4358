#include "engine/client/client_engine.hpp"

#include <fmt/format.h>

#include <future>

#include "engine/client/identity_file.hpp"

namespace chuantou::engine {

namespace {
// Of a ping over UDP. The peer answers 200 datagrams of a flow in its 30 s.
constexpr std::size_t kMostPings = 100;
constexpr Millis kLeastPingInterval{10};
constexpr std::chrono::seconds kLongestPings{10};
}  // namespace

ClientEngine::ClientEngine(ClientConfig config)
    : config_(std::move(config)), log_(config_.log, config_.logLevel, config_.language), thread_(std::make_shared<net::IoThread>()) {
  auto url = parseServerUrl(config_.serverUrl);
  if (!url) throw url.error();
  url_ = std::move(*url);
  if (!config_.clientId.empty() && !ClientId::parse(config_.clientId)) {
    throw Error{Errc::invalid_argument, "the client id \"" + config_.clientId + "\"", "an id is 1 to 64 of A-Z a-z 0-9 . _ -"};
  }
  auto rules = PortRules::parse(config_.allow);
  if (!rules) throw rules.error();
  if (config_.connectTimeout <= Millis{0} || config_.heartbeatInterval <= Millis{0} || config_.reconnectMin <= Millis{0} ||
      config_.reconnectMax < config_.reconnectMin || config_.heartbeatTimeout <= config_.heartbeatInterval || config_.patience < Millis{0} || config_.patience > kLongestPatience) {
    throw Error{Errc::invalid_argument, "a time-out", "they must be positive, and the longer one longer than the shorter one"};
  }
  id_ = config_.clientId;
  auto known = KnownPeers::load(config_.knownPeersFile);
  if (!known) throw known.error();
  trust_ = std::make_unique<PeerTrust>(openIdentity(config_.identityFile), std::move(*known), log_);
  link_ = std::make_unique<ControlLink>(*thread_, config_, url_, trust_->identity(), random_, log_, static_cast<ControlLink::Listener&>(*this));
  desk_ = std::make_unique<SessionDesk>(*thread_, random_, [this](const wire::MessageToServer& m) { link_->send(m); });
  handshakes_ = std::make_unique<net::DeadlineQueue>(thread_->executor(), kCarrierDeadline);
  dataDialer_ = std::make_unique<DataDialer>(*thread_, *link_, *handshakes_);
  streamRegistry_ = std::make_unique<StreamRegistry>(*thread_, log_, [this](const StreamEvent& event) {
    if (onStreamEvent) onStreamEvent(event);
  });
  context_.reset(new ClientContext{*thread_, config_, log_, random_, *link_, *desk_, *trust_, *handshakes_, *dataDialer_, udpSender_, nullptr, *streamRegistry_, {},
                                   [this](const Error& error) {
                                     if (onRejected) onRejected(error);
                                   },
                                   {}});
  networkWatch_ = std::make_unique<net::NetworkWatch>(*thread_, [this] { doubt("the network changed"); });
  wakeWatch_ = std::make_unique<net::WakeWatch>(*thread_, [this](Duration jump) {
    doubt(fmt::format("awake after {} s", std::chrono::duration_cast<std::chrono::seconds>(jump).count()));
  });
  udpLink_ = std::make_unique<UdpLink>(*context_);
  tcpTargets_ = std::make_unique<TcpTargets>(*context_, std::move(*rules), thread_);
  udpTargets_ = std::make_unique<UdpTargets>(*context_, *udpLink_);
  incoming_ = std::make_unique<IncomingRequests>(*context_, *tcpTargets_, *udpTargets_);
  tcpTargets_->onSeal = [this](const ClientId& peer, const wire::SealFrame& seal, const crypto::SealKeys& keys, auto answer) {
    udpTargets_->seal(peer, seal, keys, std::move(answer));
  };
  thread_->start();
}

ClientEngine::~ClientEngine() { stop(); }

void ClientEngine::throwStopped() { throw Error{Errc::stopped, "the client"}; }

template <class F>
auto ClientEngine::onThread(F f) -> decltype(f()) {
  auto result = thread_->tryCall(std::move(f));
  if (!result) throwStopped();
  return std::move(*result);
}

void ClientEngine::start(bool wait) {
  {
    const std::lock_guard lock{mutex_};
    if (stopped_) throwStopped();
    if (started_) return;
    started_ = true;
    state_ = ClientState::connecting;
  }
  onThread([this] {
    if (!networkWatch_->start()) log_.log(LogLevel::debug, "control", "the system does not tell of changes of the network");
    wakeWatch_->start();
    link_->start();
    return true;
  });
  if (!wait) return;
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return state_ != ClientState::connecting; });
  if (state_ == ClientState::registered) return;
  const Error error = lastError_ ? *lastError_ : Error{Errc::stopped, "the client"};
  lock.unlock();
  stop();
  throw error;
}

void ClientEngine::stop() noexcept {
  {
    const std::lock_guard lock{mutex_};
    if (std::exchange(stopped_, true)) return;
  }
  thread_->tryCall([this] {
    tearDown();
    return true;
  });
  thread_->stop();
  const std::lock_guard lock{mutex_};
  state_ = ClientState::stopped;
  changed_.notify_all();
}

/// On the thread: everything that has a peer is told, everything that somebody waits for is answered.
void ClientEngine::tearDown() {
  const Error stopped{Errc::stopped, "the client"};
  networkWatch_->stop();
  wakeWatch_->stop();
  link_->stop();
  desk_->handleLost(stopped);
  for (const auto& stream : std::exchange(streams_, {})) stream->abort();
  proxies_.clear();
  streamRegistry_->endAll();
  context_->pools.clear();
  udpTargets_->handleLost();
  tcpTargets_.reset();
  udpLink_->close();
  for (const auto& waiter : std::exchange(listWaiters_, {})) waiter(nullptr);
}

std::string ClientEngine::id() const {
  const std::lock_guard lock{mutex_};
  return id_;
}

ClientState ClientEngine::state() const {
  const std::lock_guard lock{mutex_};
  return state_;
}

void ClientEngine::setState(ClientState state, const Error* reason) {
  {
    const std::lock_guard lock{mutex_};
    if (reason) lastError_ = *reason;
    if (state == ClientState::registered) lastError_.reset();
    if (state_ == state) return;
    state_ = state;
    changed_.notify_all();
  }
  if (onStateChange) onStateChange(state, reason ? reason->code() : std::error_code{});
}

ClientStats ClientEngine::stats() {
  ClientStats out;
  const auto filled = thread_->tryCall([&] {
    out.outboundActive = context_->counters.outboundActive;
    out.inboundActive = context_->counters.inboundActive;
    out.outboundTotal = context_->counters.outboundTotal;
    out.inboundTotal = context_->counters.inboundTotal;
    out.bytesUp = context_->counters.bytesUp;
    out.bytesDown = context_->counters.bytesDown;
    const auto figures = streamRegistry_->figures();
    out.streams = streamRegistry_->size();
    out.streamsStalled = figures.stalledNow;
    out.streamStalls = figures.stalls;
    out.streamResumes = figures.resumes;
    out.streamMigrations = figures.migrations;
    out.streamsGivenUp = figures.givenUp;
    out.repeatedBytes = figures.repeatedBytes;
    out.lostTime = std::chrono::duration_cast<Millis>(figures.lostTime);
    out.reconnects = registrations_ > 0 ? registrations_ - 1 : 0;
    out.serverRtt = link_->rtt();
    out.transports = link_->transports().all();
    if (link_->registered()) out.serverWay = link_->way().str();
    if (link_->registered()) out.connectedFor = std::chrono::duration_cast<Millis>(Clock::now() - link_->registeredAt());
    return true;
  });
  const std::lock_guard lock{mutex_};
  out.state = filled ? state_ : ClientState::stopped;
  out.serverUrl = url_.str();
  out.id = id_;
  if (lastError_) {
    out.lastError = lastError_->code();
    out.lastErrorMessage = lastError_->message(config_.language);
  }
  return out;
}

// ------------------------------------------------------------- control channel

void ClientEngine::onRegistered(const wire::RegisterResponse& response) {
  {
    const std::lock_guard lock{mutex_};
    id_ = response.assignedId;
  }
  ++registrations_;
  log_.log(LogLevel::info, "control", "registered as {} at {}{}", response.assignedId, url_.str(),
           response.existingKicked ? ", replacing an older connection" : "");
  setState(ClientState::registered, nullptr);
  streamRegistry_->onRegistered();
  // Streams may still be on carriers that were dialled another way: through a proxy, say, that was the only way out then.
  const std::string before = std::exchange(lastWay_, link_->way().str());
  if (!before.empty() && before != lastWay_) streamRegistry_->migrateAll();
  for (const auto& [id, proxy] : proxies_) proxy->onRegistered();
}

void ClientEngine::onLost(const Error& error) {
  const Error lost{Errc::connection_lost, error.subject(), error.detail()};
  desk_->handleLost(lost);
  udpTargets_->handleLost();
  udpLink_->close();
  for (const auto& [id, proxy] : proxies_) proxy->onLost();
  for (const auto& [target, pool] : context_->pools) pool->clear();
  for (const auto& waiter : std::exchange(listWaiters_, {})) waiter(nullptr);
}

void ClientEngine::onAttemptFailed(const Error& error, bool fatal) {
  // Once a change: the tenth failed attempt is no news.
  bool news = true;
  {
    const std::lock_guard lock{mutex_};
    news = state_ != ClientState::reconnecting || !lastError_ || lastError_->errc() != error.errc();
  }
  log_.error(fatal ? LogLevel::error : news ? LogLevel::warn : LogLevel::debug, "control", error);
  if (!fatal && news) log_.log(LogLevel::info, "control", "trying again until {} answers", url_.str());
  setState(fatal ? ClientState::failed : ClientState::reconnecting, &error);
  if (fatal) streamRegistry_->giveUpAll(error);
}

void ClientEngine::doubt(const std::string& why) {
  log_.log(LogLevel::debug, "control", "{}: is everything still there?", why);
  link_->doubt();
  udpLink_->rebind();
  streamRegistry_->suspectAll();
}

void ClientEngine::onMessage(wire::MessageToClient message) {
  if (const auto* m = std::get_if<wire::IncomingRequest>(&message)) return incoming_->handle(*m);
  if (const auto* m = std::get_if<wire::CreateSession>(&message)) return desk_->handle(*m);
  if (const auto* m = std::get_if<wire::AcceptSession>(&message)) return desk_->handle(*m);
  if (const auto* m = std::get_if<wire::RejectSession>(&message)) return desk_->handle(*m);
  if (const auto* m = std::get_if<wire::SessionClosed>(&message)) {
    desk_->handle(*m);
    return udpTargets_->handleClosed(*m);
  }
  if (const auto* m = std::get_if<wire::ClientList>(&message)) {
    if (listWaiters_.empty()) return;
    const auto waiter = std::move(listWaiters_.front());
    listWaiters_.erase(listWaiters_.begin());
    waiter(m);
  }
}

// ----------------------------------------------------------------------- peers

std::vector<PeerWays> ClientEngine::peerWays() {
  return thread_->tryCall([&] { return context_->peerWays.all(); }).value_or(std::vector<PeerWays>{});
}

std::vector<KnownPeerInfo> ClientEngine::knownPeers() {
  return onThread([this] {
    std::vector<KnownPeerInfo> out;
    for (const auto& [id, peer] : trust_->known().all()) {
      out.push_back(KnownPeerInfo{id.str(), peer.key.str(), std::chrono::system_clock::time_point{Millis{peer.sinceMs}}});
    }
    return out;
  });
}

bool ClientEngine::forgetPeer(const std::string& peer) {
  const auto id = ClientId::parse(peer);
  if (!id) return false;
  auto forgotten = onThread([&] { return trust_->known().forget(*id); });
  if (!forgotten) throw forgotten.error();
  return *forgotten;
}

void ClientEngine::trustPeer(const std::string& peer, const std::string& key) {
  const auto id = ClientId::parse(peer);
  if (!id) throw Error{Errc::invalid_argument, "the client id \"" + peer + "\"", "an id is 1 to 64 of A-Z a-z 0-9 . _ -"};
  const auto parsed = PublicKey::parse(key);
  if (!parsed) throw Error{Errc::invalid_argument, "the key \"" + key + "\"", "a key is ed25519: and 64 hexadecimal digits"};
  const auto now = std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch());
  auto kept = onThread([&] { return trust_->known().trust(*id, *parsed, now.count()); });
  if (!kept) throw kept.error();
}

// -------------------------------------------------------------------- proxies

ClientEngine::OpenedProxy ClientEngine::createProxy(ProxyOptions options) {
  auto opened = onThread([&]() -> Result<OpenedProxy> {
    for (const auto& [id, proxy] : proxies_) {
      if (!options.name.empty() && proxy->options().name == options.name) {
        return Error{Errc::already_exists, "a proxy named " + options.name};
      }
    }
    auto proxy = ProxyEngine::open(*context_, *udpLink_, std::move(options));
    if (!proxy) return proxy.error();
    const ProxyId id = ++lastProxy_;
    OpenedProxy out{id, (*proxy)->options()};
    proxies_.emplace(id, std::move(*proxy));
    return out;
  });
  if (!opened) throw opened.error();
  return std::move(*opened);
}

bool ClientEngine::closeProxy(ProxyId id) {
  return thread_->tryCall([&] { return proxies_.erase(id) != 0; }).value_or(false);
}

std::optional<ProxyStats> ClientEngine::proxyStats(ProxyId id) {
  return thread_
      ->tryCall([&]() -> std::optional<ProxyStats> {
        const auto it = proxies_.find(id);
        return it == proxies_.end() ? std::nullopt : std::optional{it->second->stats()};
      })
      .value_or(std::nullopt);
}

std::vector<ClientEngine::OpenedProxy> ClientEngine::proxies() {
  return thread_
      ->tryCall([&] {
        std::vector<OpenedProxy> out;
        for (const auto& [id, proxy] : proxies_) out.push_back(OpenedProxy{id, proxy->options()});
        return out;
      })
      .value_or(std::vector<OpenedProxy>{});
}

std::vector<StreamInfo> ClientEngine::streams() {
  return thread_->tryCall([&] { return streamRegistry_->list(); }).value_or(std::vector<StreamInfo>{});
}

std::size_t ClientEngine::migrateStreams() {
  return onThread([this] { return streamRegistry_->migrateAll(); });
}

// --------------------------------------------------------------------- streams

/// Streams are ended with the client.
void ClientEngine::adopt(const std::shared_ptr<detail::StreamImpl>& stream, bool inbound) {
  auto& active = inbound ? context_->counters.inboundActive : context_->counters.outboundActive;
  ++active;
  if (!inbound) ++context_->counters.outboundTotal;
  streams_.insert(stream);
  stream->onEnd = [this, &active, weak = std::weak_ptr{stream}] {
    --active;
    if (const auto ended = weak.lock()) streams_.erase(ended);
  };
}

void ClientEngine::listen(std::uint16_t port, Client::StreamHandler handler) {
  if (port == 0 || !handler) throw Error{Errc::invalid_argument, "listening on port 0 or without a handler"};
  const bool added = onThread([&] {
    return tcpTargets_->listen(port, [this, handler = std::move(handler)](std::shared_ptr<detail::StreamImpl> stream) {
      adopt(stream, true);
      handler(Stream{std::move(stream)});
    });
  });
  if (!added) throw Error{Errc::already_exists, "a handler for port " + std::to_string(port)};
}

void ClientEngine::unlisten(std::uint16_t port) {
  thread_->tryCall([&] {
    if (tcpTargets_) tcpTargets_->unlisten(port);
    return true;
  });
}

Target ClientEngine::targetOf(const std::string& peer, std::uint16_t port) const {
  const auto id = ClientId::parse(peer);
  if (!id) throw Error{Errc::invalid_argument, "the peer \"" + peer + "\"", "an id is 1 to 64 of A-Z a-z 0-9 . _ -"};
  return Target{*id, "", port};
}

void ClientEngine::asyncConnect(const std::string& peer, std::uint16_t port, Duration deadline, ConnectDone done) {
  const Target target = targetOf(peer, port);
  if (port == 0) throw Error{Errc::invalid_argument, "the target port 0", "a port is 1 to 65535"};
  const bool posted = thread_->tryPost([this, target, deadline, done] {
    connectToPeer(*context_, thread_, target, deadline,
                  [this, done](std::error_code ec, const Error* detail, std::shared_ptr<detail::StreamImpl> stream) {
                    if (stream) adopt(stream, false);
                    done(ec, detail, std::move(stream));
                  });
  });
  if (posted) return;
  const Error stopped{Errc::stopped, "the client"};
  done(stopped.code(), &stopped, nullptr);
}

void ClientEngine::asyncPing(const std::string& peer, Duration deadline, PingDone done) {
  const Target target = targetOf(peer, 0);
  if (thread_->tryPost([this, target, deadline, done] { pingPeer(*context_, target, deadline, done); })) return;
  const Error stopped{Errc::stopped, "the client"};
  done(&stopped, {});
}

void ClientEngine::asyncPingUdp(const std::string& peer, const UdpPingOptions& options, UdpPingDone done) {
  const Target target = targetOf(peer, 0);
  const bool fits = options.count >= 1 && options.count <= kMostPings && options.interval >= kLeastPingInterval &&
                    options.interval <= kLongestPings && options.interval * static_cast<std::int64_t>(options.count - 1) <= kLongestPings;
  if (!fits) throw Error{Errc::invalid_argument, "a ping over UDP", "1 to 100 datagrams, 10 ms apart at least, within 10 s"};
  if (thread_->tryPost([this, target, options, done] { pingPeerOverUdp(*context_, *udpLink_, target, options, done); })) return;
  const Error stopped{Errc::stopped, "the client"};
  done(&stopped, {});
}

std::vector<PeerInfo> ClientEngine::peers(Duration deadline) {
  auto answer = std::make_shared<std::promise<std::optional<wire::ClientList>>>();
  auto future = answer->get_future();
  const bool asked = onThread([&] {
    if (!link_->registered()) return false;
    listWaiters_.push_back([answer](const wire::ClientList* list) {
      answer->set_value(list ? std::optional{*list} : std::nullopt);
    });
    link_->send(wire::GetClientList{});
    return true;
  });
  if (!asked) throw Error{Errc::not_running, "the connection to the server"};
  if (future.wait_for(deadline) != std::future_status::ready) throw Error{Errc::timed_out, "the list of clients"};
  const auto list = future.get();
  if (!list) throw Error{Errc::connection_lost, url_.str()};
  std::vector<PeerInfo> out;
  for (const wire::ClientInfo& client : list->clients) {
    out.push_back(PeerInfo{client.id, client.key ? client.key->str() : "", std::chrono::system_clock::time_point{Millis{client.registeredAtMs}}});
  }
  return out;
}

}  // namespace chuantou::engine
