#include "engine/client/udp_proxy.hpp"

#include <deque>

namespace chuantou::engine {

namespace {
constexpr int kBatchesPerTurn = 8;
constexpr std::size_t kMaxFlows = 10'000;
/// Held for a flow whose session is being made.
constexpr std::size_t kMaxHeld = 64;
constexpr std::size_t kMaxHeldBytes = 256 * 1024;
/// A source whose session failed is not tried again at each of its datagrams.
constexpr std::chrono::seconds kFailedPause{1};
}  // namespace

class UdpProxy::Flow final : public SessionHandler, public UdpSessionUser, public FlowSealUser, public std::enable_shared_from_this<Flow> {
 public:
  Flow(UdpProxy& proxy, net::UdpSocket& socket, net::UdpEndpoint source)
      : proxy_(proxy), context_(proxy.context_), socket_(socket), source_(source) {
    ++context_.counters.outboundActive;
    ++context_.counters.outboundTotal;
    ++proxy_.stats_.activeFlows;
  }
  ~Flow() override {
    --context_.counters.outboundActive;
    --proxy_.stats_.activeFlows;
  }

  void start() {
    askedAt_ = Clock::now();
    key_ = context_.desk.request(proxy_.target_, wire::Transport::udp, proxy_.localPort_, weak_from_this());
    if (!proxy_.target_.plain) proxy_.carriers_->prepare();
  }

  /// Ends the session as well.
  void stop(const char* why) {
    if (session_) proxy_.link_.unbind(*session_);
    session_.reset();
    context_.desk.forget(key_, why);
    failedAt_ = Clock::now();
  }

  void send(std::span<const std::uint8_t> datagram) {
    if (open_) return proxy_.link_.send(*session_, datagram);
    if (failedAt_ && Clock::now() - *failedAt_ < kFailedPause) {
      ++proxy_.stats_.datagramsDropped;
      return;
    }
    if (held_.size() >= kMaxHeld || heldBytes_ + datagram.size() > kMaxHeldBytes) {
      ++proxy_.stats_.datagramsDropped;
    } else {
      held_.emplace_back(datagram.begin(), datagram.end());
      heldBytes_ += datagram.size();
    }
    if (failedAt_ && context_.link.registered()) {
      failedAt_.reset();
      start();
    }
  }

  /// Not registered yet: the flow begins when a later datagram finds that it is.
  void startLater() { failedAt_ = TimePoint{}; }

  void onCreated(SessionId id, std::optional<UdpSession> udp, const wire::PeerKey&) override {
    if (!udp) return fail(Error{Errc::protocol_error, "the server", "a UDP session without a number"});
    session_ = *udp;
    const bool sealed = !proxy_.target_.plain;
    id_ = id;
    proxy_.link_.bind(*session_, key_, *this, sealed);
    if (sealed && session_) sealFlow(context_, proxy_.carriers_, proxy_.target_, id, weak_from_this());
  }
  void onSealed(SessionId id, const crypto::SealKeys& keys) override {
    if (!session_ || id != id_) return;
    proxy_.link_.seal(*session_, keys.initiatorToTarget, keys.targetToInitiator);
    sealed_ = true;
    openIfReady();
  }
  void onSealFailed(SessionId id, const Error& error) override {
    if (session_ && id == id_) fail(error);
  }
  void onAccepted() override {
    accepted_ = true;
    openIfReady();
  }
  void onSessionFailed(const Error& error) override {
    noteFailed(error);
    if (error.errc() != Errc::connection_lost) context_.reportRejected(error);
    close();
  }
  void onBound() override {
    bound_ = true;
    openIfReady();
  }
  void onBindFailed() override {
    session_.reset();
    context_.desk.forget(key_, "the initiator cannot reach the server over UDP");
    const Error error{Errc::server_unreachable, "over UDP", "the server does not answer there"};
    noteFailed(error);
    context_.reportRejected(error);
    close();
  }
  void onDatagram(std::span<const std::uint8_t> datagram) override {
    proxy_.flows_.touch(source_, Clock::now());
    ++proxy_.stats_.datagramsOut;
    context_.udpSender.add(socket_, &source_, {}, datagram);
  }

 private:
  void fail(const Error& error) {
    noteFailed(error);
    context_.reportRejected(error);
    context_.desk.forget(key_, "the initiator failed");
    close();
  }
  /// One that was open had been reached.
  void noteFailed(const Error& error) {
    if (!open_) context_.peerWays.failed(proxy_.target_.peer, kRelayUdp, proxy_.link_.where(), error);
  }
  /// The flow stays in its table until it is idle; its next datagram after a pause asks for a session again.
  void close() {
    if (session_) proxy_.link_.unbind(*session_);
    session_.reset();
    open_ = bound_ = accepted_ = sealed_ = false;
    proxy_.stats_.datagramsDropped += held_.size();
    held_.clear();
    heldBytes_ = 0;
    failedAt_ = Clock::now();
  }
  void openIfReady() {
    if (!bound_ || !accepted_ || open_ || !session_ || (!sealed_ && !proxy_.target_.plain)) return;
    open_ = true;
    context_.peerWays.succeeded(proxy_.target_.peer, kRelayUdp, proxy_.link_.where(), Clock::now() - askedAt_);
    context_.udpSender.flush();
    for (const auto& datagram : held_) proxy_.link_.send(*session_, datagram);
    context_.udpSender.flush();
    held_.clear();
    heldBytes_ = 0;
  }

  UdpProxy& proxy_;
  ClientContext& context_;
  net::UdpSocket& socket_;
  net::UdpEndpoint source_;
  TimePoint askedAt_{};
  DataKey key_;
  std::optional<UdpSession> session_;
  SessionId id_{};  ///< of the session
  bool bound_ = false;
  bool accepted_ = false;
  bool sealed_ = false;
  bool open_ = false;
  std::optional<TimePoint> failedAt_;
  std::deque<std::vector<std::uint8_t>> held_;
  std::size_t heldBytes_ = 0;
};

std::size_t UdpProxy::SourceHash::operator()(const net::UdpEndpoint& endpoint) const noexcept {
  const auto* bytes = reinterpret_cast<const char*>(endpoint.data());
  return std::hash<std::string_view>{}(std::string_view{bytes, endpoint.size()});
}

UdpProxy::UdpProxy(ClientContext& context, UdpLink& link, Target target, std::uint16_t localPort, Duration idle,
                   std::vector<net::UdpSocket> sockets, ProxyStats& stats)
    : context_(context),
      link_(link),
      target_(std::move(target)),
      localPort_(localPort),
      sockets_(std::move(sockets)),
      stats_(stats),
      // To no service of the target's: which one is meant is said in the SEAL frame.
      carriers_(std::make_shared<CarrierPool>(context, Target{target_.peer, "", 0, target_.plain}, localPort, context.config.warmCarriers)),
      flows_(kMaxFlows, idle),
      idleTimer_(context.thread.context()) {}

UdpProxy::~UdpProxy() {
  flows_.forEach([](const net::UdpEndpoint&, const std::shared_ptr<Flow>& flow) { flow->stop("the proxy was closed"); });
}

void UdpProxy::start() {
  for (net::UdpSocket& socket : sockets_) {
    net::UdpReceiver::enableTrains(socket);
    wait(socket);
  }
}

void UdpProxy::wait(net::UdpSocket& socket) {
  socket.async_wait(net::UdpSocket::wait_read, [this, &socket, weak = std::weak_ptr{alive_}](const net::ErrorCode& ec) {
    if (!ec && weak.lock()) receive(socket);
  });
}

void UdpProxy::receive(net::UdpSocket& socket) {
  for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
    const auto datagrams = context_.receiver().receive(socket);
    if (datagrams.empty()) break;
    const TimePoint now = Clock::now();
    for (const net::Datagram& datagram : datagrams) handle(socket, datagram, now);
    context_.udpSender.flush();
  }
  wait(socket);
}

void UdpProxy::handle(net::UdpSocket& socket, const net::Datagram& datagram, TimePoint now) {
  ++stats_.datagramsIn;
  std::shared_ptr<Flow>* flow = flows_.touch(*datagram.from, now);
  if (!flow) {
    if (context_.counters.outboundActive >= context_.config.maxSessions) {
      ++stats_.datagramsDropped;
      return;
    }
    flow = flows_.add(*datagram.from, std::make_shared<Flow>(*this, socket, *datagram.from), now);
    if (!flow) {
      ++stats_.datagramsDropped;
      return;
    }
    if (context_.link.registered()) {
      (*flow)->start();
    } else {
      (*flow)->startLater();
    }
    armIdleTimer();
  }
  (*flow)->send(datagram.bytes);
}

void UdpProxy::armIdleTimer() {
  const auto at = flows_.nextExpiry();
  if (idleTimerArmed_ || !at) return;
  idleTimerArmed_ = true;
  idleTimer_.expires_at(*at);
  idleTimer_.async_wait([this, weak = std::weak_ptr{alive_}](const net::ErrorCode& ec) {
    if (ec || !weak.lock()) return;
    idleTimerArmed_ = false;
    while (const auto idle = flows_.takeIdle(Clock::now())) idle->second->stop("idle");
    armIdleTimer();
  });
}

}  // namespace chuantou::engine
