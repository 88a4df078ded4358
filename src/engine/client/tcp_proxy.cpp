#include "engine/client/tcp_proxy.hpp"

#include <asio/buffer.hpp>

#include "net/socket_options.hpp"

namespace chuantou::engine {

namespace {
/// How long a local connection waits for a client that is reconnecting, and how many do.
constexpr std::chrono::seconds kWaitForServer{15};
constexpr std::size_t kMaxWaiting = 1024;
}  // namespace

/// One forwarded connection: from its accept until both sides have ended.
class TcpProxy::Connection final : public OutboundCarrier::User, public std::enable_shared_from_this<Connection> {
 public:
  Connection(TcpProxy& proxy, net::TcpSocket socket) : proxy_(&proxy), context_(proxy.context_), socket_(std::move(socket)) {
    proxy.connections_.insert(this);
    ++proxy.stats_.activeConnections;
    ++context_.counters.outboundActive;
  }
  ~Connection() override { leave(); }

  std::size_t takeFirstBytes(std::span<std::uint8_t> into) override {
    if (!proxy_) return 0;
    net::ErrorCode ec;  // an end or a reset will be seen by the pump
    firstBytes_ = socket_.read_some(asio::buffer(into.data(), into.size()), ec);
    return firstBytes_;
  }
  void onPlainReady(std::shared_ptr<OutboundCarrier> carrier, net::TcpSocket socket) override {
    if (!proxy_) return;
    const auto pump =
        std::make_shared<net::Pump>(context_.thread, std::move(socket_), std::move(socket),
                                    [self = shared_from_this()](const net::PumpResult& result) { self->onEnd(result); });
    pump_ = pump;
    pump->start(std::move(carrier));
  }
  void onSecureReady(std::shared_ptr<OutboundCarrier> carrier) override {
    if (!proxy_) return carrier->drop();
    const auto pump = std::make_shared<StreamPump>(
        context_.thread, std::move(socket_), carrier->line(), carrier,
        [self = shared_from_this(), carrier](const net::PumpResult& result, bool free) {
          if (free && self->proxy_) {
            self->proxy_->pool_.giveBack(carrier);
          } else {
            carrier->drop();
          }
          self->onEnd(result);
        });
    securePump_ = pump;
    pump->start(std::move(carrier));
  }
  void onCarrierAnswer() override {}
  bool onCarrierStale() override {
    // Bytes that may have reached the service must not reach it twice.
    if (!proxy_ || firstBytes_ > 0) return false;
    auto socket = pump_ ? pump_->releaseA() : securePump_ ? securePump_->releaseLocal() : std::nullopt;
    if (!socket) return false;
    socket_ = std::move(*socket);
    pump_.reset();
    securePump_.reset();
    proxy_->pool_.clear();  // the others came from the same peer, and are as dead
    proxy_->open(shared_from_this());
    return true;
  }
  void onCarrierFailed(const Error& error) override {
    if (proxy_) ++proxy_->stats_.failedConnections;
    if (proxy_) context_.reportRejected(error);
    end();
  }

  /// Resets the local program's connection.
  void end() {
    if (const auto pump = pump_) return pump->abort();
    if (const auto pump = securePump_) return pump->abort();
    net::closeWithReset(socket_);
    leave();
  }

 private:
  void onEnd(const net::PumpResult& result) {
    context_.counters.bytesUp += result.bytesAtoB + firstBytes_;
    context_.counters.bytesDown += result.bytesBtoA;
    if (proxy_) {
      proxy_->stats_.bytesUp += result.bytesAtoB + firstBytes_;
      proxy_->stats_.bytesDown += result.bytesBtoA;
    }
    leave();
    pump_.reset();
    securePump_.reset();
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
  net::TcpSocket socket_;
  std::shared_ptr<net::Pump> pump_;
  std::shared_ptr<StreamPump> securePump_;
  std::size_t firstBytes_ = 0;
};

TcpProxy::TcpProxy(ClientContext& context, Target target, std::uint16_t localPort, std::vector<net::Acceptor> acceptors,
                   ProxyStats& stats)
    : context_(context),
      target_(target),
      stats_(stats),
      pool_(context, std::move(target), localPort, context.config.warmCarriers),
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

void TcpProxy::open(std::shared_ptr<Connection> connection) {
  pool_.open(wire::encodeOpen(wire::OpenFrame{target_.port, target_.host}, 0), std::move(connection));
}

void TcpProxy::forward(net::TcpSocket socket) {
  auto connection = std::make_shared<Connection>(*this, std::move(socket));
  open(std::move(connection));
}

}  // namespace chuantou::engine
