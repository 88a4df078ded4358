#include "engine/client/tcp_targets.hpp"

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <sys/socket.h>

#include "net/dialer.hpp"
#include "net/socket_options.hpp"
#include "net/sys_error.hpp"
#include "wire/first_bytes.hpp"

namespace chuantou::engine {

namespace {
constexpr std::chrono::seconds kServiceDialDeadline{10};
/// Read along with OPEN.
constexpr std::size_t kFirstBytes = 4096;

#ifdef MSG_MORE
/// ACCEPT waits (200 ms at the most) for the service's first bytes, to leave with them.
constexpr int kMore = MSG_MORE;
#else
constexpr int kMore = 0;
#endif
}  // namespace

class TcpTargets::Carrier final : public net::DeadlineQueue::Waiter, public std::enable_shared_from_this<Carrier> {
 public:
  Carrier(TcpTargets& targets, ClientId peer)
      : targets_(&targets), context_(targets.context_), peer_(std::move(peer)), socket_(context_.thread.context()) {
    targets.carriers_.insert(this);
  }
  ~Carrier() override { leave(); }

  void start(const DataKey& key) {
    context_.handshakes.add(weak_from_this());
    context_.dataDialer.dial([self = shared_from_this(), key](const net::ErrorCode& ec, net::TcpSocket socket) {
      if (!self->targets_) return;
      self->socket_ = std::move(socket);
      if (ec) return self->end();
      self->onConnected(key);
    });
  }

  void onDeadline() override {
    if (stage_ == Stage::dialing || stage_ == Stage::refused) end();
  }

  bool isStandby() const noexcept { return stage_ == Stage::dialing || stage_ == Stage::standby; }

  void end() {
    if (const auto pump = pump_) return pump->abort();
    if (isStandby()) return leaveClosed();  // the initiator tells this from a service that resets
    net::closeWithReset(socket_);
    leave();
  }

 private:
  enum class Stage { dialing, standby, opening, open, refused };

  void onConnected(const DataKey& key) {
    const auto preface = wire::encodePreface(key);
    if (!send(preface, 0)) return end();
    stage_ = Stage::standby;
    waitForFrame();
  }

  bool send(std::span<const std::uint8_t> bytes, int flags) {
    return ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | flags) ==
           static_cast<ssize_t>(bytes.size());
  }

  void waitForFrame() {
    socket_.async_wait(net::TcpSocket::wait_read, [self = shared_from_this()](const net::ErrorCode& ec) {
      if (!self->targets_) return;
      if (ec) return self->end();
      self->readFrame();
    });
  }

  /// What follows OPEN is the service's: a little may be read with it, the rest stays in the kernel.
  void readFrame() {
    while (targets_ && stage_ == Stage::standby) {
      if (received_.size() >= wire::kFrameHeaderSize) {
        const auto header = wire::decodeHeader(std::span{received_}.first<wire::kFrameHeaderSize>());
        if (!header) return end();
        if (received_.size() >= wire::kFrameHeaderSize + header.value().length) {
          handle(header.value());
          continue;
        }
      }
      const auto scratch = context_.thread.scratch().first(kFirstBytes);
      net::ErrorCode ec;
      const std::size_t n = socket_.read_some(asio::buffer(scratch.data(), scratch.size()), ec);
      received_.insert(received_.end(), scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(n));
      if (ec == asio::error::would_block || ec == asio::error::try_again) return waitForFrame();
      if (ec == asio::error::eof) return close();  // a warm carrier that was not needed
      if (ec) return end();
    }
  }

  wire::FrameBytes takeFrame(std::size_t size) {
    const auto end = received_.begin() + static_cast<std::ptrdiff_t>(size);
    wire::FrameBytes frame(received_.begin(), end);
    received_.erase(received_.begin(), end);
    return frame;
  }

  void handle(const wire::FrameHeader& header) {
    const wire::FrameBytes frame = takeFrame(wire::kFrameHeaderSize + header.length);
    const auto payload = std::span{frame}.subspan(wire::kFrameHeaderSize);
    if (header.type == wire::FrameType::ping) {
      const auto pong = wire::encodePing(wire::FrameType::pong, payload.first<wire::kPingSize>());
      if (!send(pong, 0)) end();
      return;
    }
    if (header.type != wire::FrameType::open) return end();
    const auto open = wire::decodeOpen(payload);
    if (!open) return end();
    answerAtOnce_ = (header.flags & wire::kFlagAnswerAtOnce) != 0;
    onOpen(open.value());
  }

  void onOpen(const wire::OpenFrame& open) {
    stage_ = Stage::opening;
    port_ = open.port;
    ++context_.counters.inboundTotal;
    const std::string where = open.host.empty() ? std::to_string(open.port) : formatHostPort(open.host, open.port);
    if (context_.counters.inboundActive >= context_.config.maxSessions) {
      return reject(Error{Errc::limit_reached, where, "too many connections to this client"});
    }
    if (isLoopbackName(open.host)) {
      const auto listener = targets_->listeners_.find(open.port);
      if (listener != targets_->listeners_.end()) return serveInProcess(listener->second);
    }
    if (!targets_->rules_.allows(peer_, open.host, open.port)) return reject(Error{Errc::not_allowed, where});
    // Loopback is both families: a service may listen on one of them only.
    net::dial(context_.thread.context(), open.host.empty() ? "localhost" : open.host, open.port, kServiceDialDeadline,
              [self = shared_from_this(), where](const net::ErrorCode& ec, net::TcpSocket service) {
                if (!self->targets_) return;
                if (ec) return self->reject(net::serviceError(ec, where));
                self->onServiceReached(std::move(service));
              });
  }

  void onServiceReached(net::TcpSocket service) {
    if (!send(wire::encodeAccept(), answerAtOnce_ ? 0 : kMore)) return end();
    stage_ = Stage::open;
    ++context_.counters.inboundActive;
    const auto pump =
        std::make_shared<net::Pump>(context_.thread, std::move(socket_), std::move(service),
                                    [self = shared_from_this()](const net::PumpResult& result) { self->onEnd(result); });
    pump_ = pump;
    pump->start(nullptr, std::move(received_));
  }

  void onEnd(const net::PumpResult& result) {
    --context_.counters.inboundActive;
    context_.counters.bytesDown += result.bytesAtoB;
    context_.counters.bytesUp += result.bytesBtoA;
    leave();
    pump_.reset();
  }

  void serveInProcess(const StreamListener& listener) {
    if (!send(wire::encodeAccept(), 0)) return end();
    auto stream = std::make_shared<detail::StreamImpl>(targets_->thread_, std::move(socket_), std::move(received_), peer_.str(), port_);
    const auto keep = listener;  // it may call unlisten()
    leave();
    keep(std::move(stream));
  }

  void reject(const Error& error) {
    context_.log.log(LogLevel::warn, "target", "{} asked for {}: {}", peer_.str(), error.subject(), error.message(context_.log.language()));
    send(wire::encodeReject(error.errc(), error.detail()), 0);
    close();
  }

  /// The peer reads what was sent before it sees the end. Bytes of the user that nobody will read are thrown away until
  /// then: closing with them unread would be a reset, which may overtake the refusal.
  void close() {
    net::ErrorCode ignored;
    socket_.shutdown(net::TcpSocket::shutdown_send, ignored);
    stage_ = Stage::refused;
    context_.handshakes.add(weak_from_this());
    discard();
  }

  void discard() {
    for (;;) {
      const auto scratch = context_.thread.scratch();
      net::ErrorCode ec;
      socket_.read_some(asio::buffer(scratch.data(), scratch.size()), ec);
      if (ec == asio::error::would_block || ec == asio::error::try_again) break;
      if (ec) return leaveClosed();
    }
    socket_.async_wait(net::TcpSocket::wait_read, [self = shared_from_this()](const net::ErrorCode& ec) {
      if (!ec && self->targets_) self->discard();
    });
  }

  void leaveClosed() {
    net::ErrorCode ignored;
    socket_.close(ignored);
    leave();
  }

  void leave() {
    if (!targets_) return;
    targets_->carriers_.erase(this);
    targets_ = nullptr;
  }

  TcpTargets* targets_;
  ClientContext& context_;
  ClientId peer_;
  net::TcpSocket socket_;
  Stage stage_ = Stage::dialing;
  std::vector<std::uint8_t> received_;
  std::uint16_t port_ = 0;
  bool answerAtOnce_ = false;
  std::shared_ptr<net::Pump> pump_;
};

TcpTargets::~TcpTargets() {
  while (!carriers_.empty()) (*carriers_.begin())->end();
}

bool TcpTargets::offers(const ClientId& peer, const std::string& host, std::uint16_t port) const {
  return (isLoopbackName(host) && listeners_.count(port) != 0) || rules_.allows(peer, host, port);
}

void TcpTargets::join(const ClientId& peer, const DataKey& key) { std::make_shared<Carrier>(*this, peer)->start(key); }

void TcpTargets::dropStandby() {
  std::vector<Carrier*> standby;
  for (Carrier* carrier : carriers_) {
    if (carrier->isStandby()) standby.push_back(carrier);
  }
  for (Carrier* carrier : standby) carrier->end();
}

}  // namespace chuantou::engine
