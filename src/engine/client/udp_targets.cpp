#include "engine/client/udp_targets.hpp"

#include "net/socket_options.hpp"
#include "net/sys_error.hpp"
#include "net/target_dial.hpp"

namespace chuantou::engine {

namespace {
constexpr int kBatchesPerTurn = 8;
constexpr std::size_t kMostEarly = 1024;
/// Less than the 15 s after which the server gives the session up.
constexpr std::chrono::seconds kResolveDeadline{10};
}  // namespace

class UdpTargets::Early final : public net::DeadlineQueue::Waiter {
 public:
  Early(UdpTargets& targets, ClientId from, const wire::SealFrame& seal, const crypto::SealKeys& exported, SealAnswer done)
      : peer(std::move(from)), frame(seal), keys(exported), answer(std::move(done)), targets_(targets) {}
  void onDeadline() override {
    const Error error{Errc::session_unknown, toString(frame.session)};
    const auto say = std::move(answer);
    targets_.early_.erase(static_cast<std::uint64_t>(frame.session));
    if (say) say(&error);
  }

  ClientId peer;
  wire::SealFrame frame;
  crypto::SealKeys keys;
  SealAnswer answer;

 private:
  UdpTargets& targets_;
};

class UdpTargets::Flow : public UdpSessionUser, public std::enable_shared_from_this<Flow> {
 public:
  Flow(UdpTargets& targets, Visitor visitor, std::string host, std::uint16_t port, SessionId id, UdpSession session)
      : targets_(targets),
        context_(targets.context_),
        visitor_(std::move(visitor)),
        host_(std::move(host)),
        port_(port),
        id_(id),
        session_(session) {}
  ~Flow() override { targets_.link_.unbind(session_); }

  void bind(const DataKey& key) {
    targets_.link_.bind(session_, key, *this, !visitor_.plain);
    useKeys();
  }
  /// Nothing: the keys are in use. They must be of the peer and for the service that the server has spoken of.
  std::optional<Error> seal(const ClientId& peer, const wire::SealFrame& seal, const crypto::SealKeys& keys) {
    if (visitor_.plain || peer != visitor_.id || seal.port != port_ || seal.host != host_ || keys_) {
      return Error{Errc::session_unknown, toString(id_)};
    }
    keys_ = keys;
    useKeys();
    return std::nullopt;
  }
  virtual void stop() {}

  void onBound() override {
    context_.link.send(wire::AcceptSession{{wire::SessionRef{id_, {}, {}}}});
  }
  void onBindFailed() override {
    const auto self = shared_from_this();
    stop();
    targets_.reject(id_, Error{Errc::target_unreachable, "the relay", "the target cannot reach the server over UDP"});
    targets_.remove(id_);
  }

 protected:
  UdpTargets& targets_;
  ClientContext& context_;
  Visitor visitor_;
  std::string host_;
  std::uint16_t port_;
  SessionId id_;
  UdpSession session_;

 private:
  /// The peer may be faster than the resolver, before which nothing is bound.
  void useKeys() {
    if (keys_) targets_.link_.seal(session_, keys_->targetToInitiator, keys_->initiatorToTarget);
  }
  std::optional<crypto::SealKeys> keys_;
};

/// To no service: what comes goes back (a ping).
class UdpTargets::EchoFlow final : public Flow {
 public:
  EchoFlow(UdpTargets& targets, const Visitor& visitor, std::string host, SessionId id, UdpSession session)
      : Flow(targets, visitor, std::move(host), 0, id, session), life_(context_.thread.context()) {}
  ~EchoFlow() override { targets_.echoes_.leave(visitor_.id); }

  void start(const DataKey& key) {
    life_.expires_after(EchoLimits::kLife);
    life_.async_wait([weak = weak_from_this(), this](const net::ErrorCode& ec) {
      const auto self = weak.lock();
      if (ec || !self) return;
      context_.link.send(wire::SessionClosed{{wire::SessionRef{id_, {}, {}}}, "the ping took too long"});
      targets_.remove(id_);
    });
    bind(key);
  }
  void onDatagram(std::span<const std::uint8_t> datagram) override {
    if (targets_.echoes_.mayAnswer(Clock::now(), datagram.size(), left_)) targets_.link_.send(session_, datagram);
  }

 private:
  net::Timer life_;
  Allowance left_{EchoLimits::kAnswersOfFlow};
};

/// A connected socket to a service.
class UdpTargets::ServiceFlow final : public Flow {
 public:
  ServiceFlow(UdpTargets& targets, const Visitor& visitor, std::string host, std::uint16_t port, SessionId id, UdpSession session)
      : Flow(targets, visitor, std::move(host), port, id, session), socket_(context_.thread.context()) {
    ++context_.counters.inboundActive;
    ++context_.counters.inboundTotal;
  }
  ~ServiceFlow() override { --context_.counters.inboundActive; }

  net::ErrorCode connect(const net::UdpEndpoint& service) {
    net::ErrorCode ec;
    socket_.open(service.protocol(), ec);
    if (!ec) socket_.connect(service, ec);
    if (!ec) socket_.non_blocking(true, ec);
    if (ec) return ec;
    net::UdpReceiver::enableTrains(socket_);
    wait();
    return {};
  }
  /// The socket's pending wait holds the flow.
  void stop() override {
    net::ErrorCode ignored;
    socket_.close(ignored);
  }
  void onDatagram(std::span<const std::uint8_t> datagram) override {
    if (!socket_.is_open()) return;
    if (other_ && !triedBoth_ && first_.empty()) first_.assign(datagram.begin(), datagram.end());
    context_.udpSender.add(socket_, nullptr, {}, datagram);
  }
  /// Where the service may be if nobody answers at the first address.
  void setOther(const net::UdpEndpoint& other) { other_ = other; }

 private:
  std::shared_ptr<ServiceFlow> self() { return std::static_pointer_cast<ServiceFlow>(shared_from_this()); }
  void wait() {
    socket_.async_wait(net::UdpSocket::wait_read, [self = self()](const net::ErrorCode& ec) {
      if (!ec && self->socket_.is_open()) self->receive();
    });
  }
  void receive() {
    for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
      bool refused = false;
      const auto datagrams = context_.receiver().receive(socket_, &refused);
      if (refused && other_) return tryOther();
      if (datagrams.empty()) break;
      if (other_) {
        other_.reset();
        std::vector<std::uint8_t>{}.swap(first_);
      }
      for (const net::Datagram& datagram : datagrams) targets_.link_.send(session_, datagram.bytes);
      context_.udpSender.flush();
    }
    wait();
  }

  /// Loopback is both families, and UDP cannot be asked who listens: the ICMP refusal of the first datagram tells.
  void tryOther() {
    net::ErrorCode ec;
    const auto refused = socket_.remote_endpoint(ec);
    const auto next = std::exchange(other_, refused);  // as long as nobody answers, back and forth
    const auto first = std::exchange(first_, {});
    socket_.close(ec);
    if (connect(*next)) return;
    if (std::exchange(triedBoth_, true)) return;
    context_.udpSender.flush();
    context_.udpSender.add(socket_, nullptr, {}, first);
    context_.udpSender.flush();
  }

  net::UdpSocket socket_;
  std::optional<net::UdpEndpoint> other_;
  std::vector<std::uint8_t> first_;  ///< until it is known where the service is
  bool triedBoth_ = false;
};

UdpTargets::~UdpTargets() { handleLost(); }

void UdpTargets::handleLost() {
  for (const auto& [id, flow] : flows_) flow->stop();
  flows_.clear();
}

void UdpTargets::handleClosed(const wire::SessionClosed& message) {
  for (const wire::SessionRef& ref : message.sessions) {
    const auto it = ref.id ? flows_.find(static_cast<std::uint64_t>(*ref.id)) : flows_.end();
    if (it == flows_.end()) continue;
    it->second->stop();
    flows_.erase(it);
  }
}

void UdpTargets::reject(SessionId id, const Error& error) {
  context_.log.error(LogLevel::warn, "target", error);
  context_.link.send(wire::RejectSession{{wire::SessionRef{id, {}, {}}}, error.errc(), error.detail()});
}

void UdpTargets::seal(const ClientId& peer, const wire::SealFrame& seal, const crypto::SealKeys& keys, SealAnswer answer) {
  const auto number = static_cast<std::uint64_t>(seal.session);
  if (const auto flow = flows_.find(number); flow != flows_.end()) {
    const auto error = flow->second->seal(peer, seal, keys);
    return answer(error ? &*error : nullptr);
  }
  const Error full{Errc::limit_reached, toString(seal.session), "too many flows at once"};
  if (early_.size() >= kMostEarly || early_.count(number) != 0) return answer(&full);
  const auto early = std::make_shared<Early>(*this, peer, seal, keys, std::move(answer));
  early_.emplace(number, early);
  context_.handshakes.add(early);
}

void UdpTargets::join(const Visitor& visitor, const Decision& decision, const std::string& host, std::uint16_t port, SessionId id,
                      UdpSession session, const DataKey& key) {
  const std::string where = host.empty() ? std::to_string(port) : formatHostPort(host, port);
  if (context_.counters.inboundActive >= context_.config.maxSessions) {
    return reject(id, Error{Errc::limit_reached, where, "too many flows to this client"});
  }
  context_.log.log(LogLevel::debug, "target", "{}: UDP flow to {}", visitor.id.str(), where);
  const auto flow = std::make_shared<ServiceFlow>(*this, visitor, host, port, id, session);
  add(id, flow);
  // The session may end while its name is resolved: the flow is gone then, and perhaps all of this.
  const auto found = [this, weak = std::weak_ptr{flow}, where, port, id, key](const net::ErrorCode& ec,
                                                                              const std::vector<asio::ip::address>& addresses) {
    const auto waiting = weak.lock();
    if (!waiting) return;
    const net::ErrorCode failed = ec ? ec : waiting->connect(net::UdpEndpoint{addresses.front(), port});
    if (failed) {
      reject(id, net::serviceError(failed, where));
      return remove(id);
    }
    if (addresses.size() > 1) waiting->setOther(net::UdpEndpoint{addresses[1], port});
    waiting->bind(key);
  };
  net::findTarget(context_.thread.context(), decision, kResolveDeadline, found);
  useEarly(id);
}

void UdpTargets::echo(const Visitor& visitor, const std::string& host, SessionId id, UdpSession session, const DataKey& key) {
  if (!echoes_.enter(visitor.id)) return reject(id, Error{Errc::limit_reached, visitor.id.str(), "too many pings at once"});
  const auto flow = std::make_shared<EchoFlow>(*this, visitor, host, id, session);
  add(id, flow);
  flow->start(key);
  useEarly(id);
}

void UdpTargets::useEarly(SessionId id) {
  if (const auto early = early_.extract(static_cast<std::uint64_t>(id)); !early.empty()) {
    const auto answer = std::exchange(early.mapped()->answer, nullptr);
    seal(early.mapped()->peer, early.mapped()->frame, early.mapped()->keys, answer);
  }
}

}  // namespace chuantou::engine
