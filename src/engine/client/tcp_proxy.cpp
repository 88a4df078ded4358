#include "engine/client/tcp_proxy.hpp"

#include <asio/buffer.hpp>

#include "engine/client/outbound_stream.hpp"
#include "engine/client/stream_pump.hpp"
#include "engine/client/stream_registry.hpp"
#include "net/socket_options.hpp"

namespace chuantou::engine {

namespace {
/// How long a local connection waits for a client that is reconnecting, and how many do.
constexpr std::chrono::seconds kWaitForServer{15};
constexpr std::size_t kMaxWaiting = 1024;
}  // namespace

/// One forwarded connection: from its accept until both sides have ended.
class TcpProxy::Connection {
 public:
  explicit Connection(TcpProxy& proxy) : proxy_(&proxy), context_(proxy.context_) {
    proxy.connections_.insert(this);
    ++proxy.stats_.activeConnections;
    ++context_.counters.outboundActive;
  }
  virtual ~Connection() { leave(); }

  virtual void start() = 0;
  /// Resets the local program's connection.
  virtual void end() = 0;

 protected:
  void onFailed(const Error& error) {
    if (!proxy_) return;
    ++proxy_->stats_.failedConnections;
    context_.reportRejected(error);
  }
  void onEnd(const net::PumpResult& result, std::size_t firstBytes) {
    context_.counters.bytesUp += result.bytesAtoB + firstBytes;
    context_.counters.bytesDown += result.bytesBtoA;
    if (proxy_) {
      proxy_->stats_.bytesUp += result.bytesAtoB + firstBytes;
      proxy_->stats_.bytesDown += result.bytesBtoA;
    }
    leave();
  }
  void leave() {
    if (!proxy_) return;
    --proxy_->stats_.activeConnections;
    --context_.counters.outboundActive;
    proxy_->connections_.erase(this);
    proxy_ = nullptr;
  }

  TcpProxy* proxy_;
  ClientContext& context_;
};

/// With encryption: a stream.
class TcpProxy::StreamConnection final : public Connection,
                                         public OutboundStream::Listener,
                                         public std::enable_shared_from_this<StreamConnection> {
 public:
  StreamConnection(TcpProxy& proxy, net::TcpSocket socket) : Connection(proxy), socket_(std::move(socket)) {}

  void start() override {
    OutboundStream::Options options{proxy_->target_, proxy_->patience_, false, proxy_->pool_};
    const auto stream = OutboundStream::make(context_, std::move(options), weak_from_this());
    pump_ = std::make_shared<StreamPump>(context_.thread, std::move(socket_), stream, [self = shared_from_this()](const net::PumpResult& result) {
      self->onEnd(result, 0);
      self->pump_.reset();
    });
    // What is there already leaves with the opening frame.
    const auto pump = pump_;
    pump->start();
    stream->open();
  }
  void onStreamFailed(const Error& error) override { onFailed(error); }
  void end() override {
    if (const auto pump = pump_) pump->abort();
  }

 private:
  net::TcpSocket socket_;
  std::shared_ptr<StreamPump> pump_;
};

/// Without: the carrier's bytes.
class TcpProxy::PlainConnection final : public Connection,
                                        public OutboundCarrier::User,
                                        public std::enable_shared_from_this<PlainConnection> {
 public:
  PlainConnection(TcpProxy& proxy, net::TcpSocket socket) : Connection(proxy), socket_(std::move(socket)) {}

  void start() override {
    const Target& target = proxy_->target_;
    proxy_->pool_->open(wire::encodeOpen(wire::OpenFrame{target.port, target.host, {}, 0}, 0), shared_from_this());
  }
  std::size_t takeFirstBytes(std::span<std::uint8_t> into) override {
    if (!proxy_) return 0;
    net::ErrorCode ec;  // an end or a reset will be seen by the pump
    firstBytes_ = socket_.read_some(asio::buffer(into.data(), into.size()), ec);
    return firstBytes_;
  }
  void onPlainReady(std::shared_ptr<OutboundCarrier> carrier, net::TcpSocket socket) override {
    if (!proxy_) return;
    const auto pump = std::make_shared<net::Pump>(context_.thread, std::move(socket_), std::move(socket),
                                                  [self = shared_from_this()](const net::PumpResult& result) {
                                                    self->onEnd(result, self->firstBytes_);
                                                    self->pump_.reset();
                                                  });
    pump_ = pump;
    pump->start(std::move(carrier));
  }
  void onSecureReady(std::shared_ptr<OutboundCarrier>) override {}  // never: the target is plain
  void onCarrierAnswer() override {}
  bool onCarrierStale() override {
    // Bytes that may have reached the service must not reach it twice.
    if (!proxy_ || firstBytes_ > 0) return false;
    auto socket = pump_ ? pump_->releaseA() : std::nullopt;
    if (!socket) return false;
    socket_ = std::move(*socket);
    pump_.reset();
    proxy_->pool_->clear();  // the others came from the same peer, and are as dead
    start();
    return true;
  }
  void onCarrierFailed(const Error& error) override {
    onFailed(error);
    end();
  }
  void end() override {
    if (const auto pump = pump_) return pump->abort();
    net::closeWithReset(socket_);
    leave();
  }

 private:
  net::TcpSocket socket_;
  std::shared_ptr<net::Pump> pump_;
  std::size_t firstBytes_ = 0;
};

TcpProxy::TcpProxy(ClientContext& context, Target target, std::uint16_t localPort, Millis patience, std::vector<net::Acceptor> acceptors,
                   ProxyStats& stats)
    : context_(context),
      target_(target),
      stats_(stats),
      patience_(patience),
      pool_(std::make_shared<CarrierPool>(context, std::move(target), localPort, context.config.warmCarriers)),
      waitingTimer_(context.thread.context()) {
  for (net::Acceptor& acceptor : acceptors) {
    acceptors_.emplace_back(
        std::move(acceptor), [this](net::TcpSocket socket) { onAccepted(std::move(socket)); },
        [this](const net::ErrorCode& ec) { context_.log.log(LogLevel::warn, "proxy", "cannot accept: {}", ec.message()); });
  }
}

TcpProxy::~TcpProxy() {
  acceptors_.clear();
  waiting_.clear();
  while (!connections_.empty()) (*connections_.begin())->end();
}

void TcpProxy::start() {
  for (net::AcceptLoop& loop : acceptors_) loop.start();
}

void TcpProxy::onAccepted(net::TcpSocket socket) {
  net::prepareAccepted(socket);
  ++stats_.connections;
  ++context_.counters.outboundTotal;
  if (context_.counters.outboundActive >= context_.config.maxSessions) {
    ++stats_.failedConnections;
    context_.reportRejected(Error{Errc::limit_reached, toString(target_), "too many connections through this client"});
    return net::closeWithReset(socket);
  }
  if (context_.link.registered()) return forward(std::move(socket));
  if (waiting_.size() >= kMaxWaiting) {
    ++stats_.failedConnections;
    context_.reportRejected(Error{Errc::not_running, "the connection to the server"});
    return net::closeWithReset(socket);
  }
  waiting_.push_back(Waiting{std::move(socket), Clock::now() + kWaitForServer});
  if (waiting_.size() == 1) expireWaiting();
}

void TcpProxy::expireWaiting() {
  while (!waiting_.empty() && waiting_.front().until <= Clock::now()) {
    net::closeWithReset(waiting_.front().socket);
    waiting_.pop_front();
    ++stats_.failedConnections;
    context_.reportRejected(Error{Errc::not_running, "the connection to the server"});
  }
  if (waiting_.empty()) return;
  waitingTimer_.expires_at(waiting_.front().until);
  waitingTimer_.async_wait([this](const net::ErrorCode& ec) {
    if (!ec) expireWaiting();
  });
}

void TcpProxy::onRegistered() {
  waitingTimer_.cancel();
  auto waiting = std::exchange(waiting_, {});
  for (Waiting& one : waiting) forward(std::move(one.socket));
}

void TcpProxy::forward(net::TcpSocket socket) {
  if (target_.plain) {
    std::make_shared<PlainConnection>(*this, std::move(socket))->start();
  } else {
    std::make_shared<StreamConnection>(*this, std::move(socket))->start();
  }
}

}  // namespace chuantou::engine
