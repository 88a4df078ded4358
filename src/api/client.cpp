#include "chuantou/client.hpp"

#include <future>

#include "engine/client/client_engine.hpp"

namespace chuantou {

namespace detail {

class ClientImpl : public engine::ClientEngine {
 public:
  using ClientEngine::ClientEngine;
};

/// Does not keep the client alive: a handle may outlive it.
class ProxyImpl {
 public:
  ProxyImpl(std::weak_ptr<engine::ClientEngine> client, engine::ClientEngine::OpenedProxy proxy)
      : client_(std::move(client)), id_(proxy.id), options_(std::move(proxy.options)) {}

  void close() {
    if (const auto client = client_.lock()) client->closeProxy(id_);
  }
  const ProxyOptions& options() const { return options_; }
  std::optional<ProxyStats> stats() const {
    const auto client = client_.lock();
    return client ? client->proxyStats(id_) : std::nullopt;
  }

 private:
  std::weak_ptr<engine::ClientEngine> client_;
  engine::ClientEngine::ProxyId id_;
  ProxyOptions options_;
};

}  // namespace detail

void Proxy::close() noexcept {
  if (impl_) impl_->close();
}
std::uint16_t Proxy::localPort() const noexcept { return impl_ ? impl_->options().localPort : std::uint16_t{0}; }
ProxyOptions Proxy::options() const { return impl_ ? impl_->options() : ProxyOptions{}; }
ProxyStats Proxy::stats() const { return impl_ ? impl_->stats().value_or(ProxyStats{}) : ProxyStats{}; }
bool Proxy::isOpen() const noexcept { return impl_ && impl_->stats().has_value(); }

Client::Client(ClientConfig config) : impl_(std::make_shared<detail::ClientImpl>(std::move(config))) {}
Client::~Client() { impl_->stop(); }

void Client::start() { impl_->start(true); }
void Client::startInBackground() { impl_->start(false); }
void Client::stop() noexcept { impl_->stop(); }
std::string Client::id() const { return impl_->id(); }
std::string Client::publicKey() const { return impl_->publicKey(); }
std::vector<PeerWays> Client::peerWays() const { return impl_->peerWays(); }
std::vector<KnownPeerInfo> Client::knownPeers() const { return impl_->knownPeers(); }
bool Client::forgetPeer(const std::string& peer) { return impl_->forgetPeer(peer); }
void Client::trustPeer(const std::string& peer, const std::string& key) { impl_->trustPeer(peer, key); }
ClientState Client::state() const noexcept { return impl_->state(); }
ClientStats Client::stats() const { return impl_->stats(); }

Proxy Client::createProxy(ProxyOptions options) {
  return Proxy{std::make_shared<detail::ProxyImpl>(impl_, impl_->createProxy(std::move(options)))};
}

std::vector<Proxy> Client::proxies() const {
  std::vector<Proxy> out;
  for (auto& proxy : impl_->proxies()) out.emplace_back(std::make_shared<detail::ProxyImpl>(impl_, std::move(proxy)));
  return out;
}

void Client::listen(std::uint16_t port, StreamHandler handler) { impl_->listen(port, std::move(handler)); }
void Client::unlisten(std::uint16_t port) { impl_->unlisten(port); }

Stream Client::connect(const std::string& peer, std::uint16_t port, Stream::Duration deadline) {
  auto answer = std::make_shared<std::promise<Result<Stream>>>();
  auto future = answer->get_future();
  impl_->asyncConnect(peer, port, deadline, [answer](std::error_code ec, const Error* detail, auto stream) {
    if (ec) return answer->set_value(*detail);
    answer->set_value(Stream{std::move(stream)});
  });
  auto result = future.get();  // the operation has the deadline
  if (!result) throw result.error();
  return std::move(*result);
}

void Client::asyncConnect(const std::string& peer, std::uint16_t port, std::function<void(std::error_code, Stream)> done) {
  impl_->asyncConnect(peer, port, std::chrono::seconds{15},
                      [done = std::move(done)](std::error_code ec, const Error*, auto stream) {
                        done(ec, stream ? Stream{std::move(stream)} : Stream{});
                      });
}

std::vector<PeerInfo> Client::peers(Stream::Duration deadline) { return impl_->peers(deadline); }

PingResult Client::ping(const std::string& peer, Stream::Duration deadline) {
  auto answer = std::make_shared<std::promise<Result<PingResult>>>();
  auto future = answer->get_future();
  impl_->asyncPing(peer, deadline, [answer](const Error* error, std::chrono::microseconds rtt) {
    if (error) return answer->set_value(*error);
    answer->set_value(PingResult{rtt});
  });
  auto result = future.get();
  if (!result) throw result.error();
  return *result;
}

UdpPingResult Client::pingUdp(const std::string& peer, const UdpPingOptions& options) {
  auto answer = std::make_shared<std::promise<Result<UdpPingResult>>>();
  auto future = answer->get_future();
  impl_->asyncPingUdp(peer, options, [answer](const Error* error, std::vector<std::optional<std::chrono::microseconds>> rtts) {
    if (error) return answer->set_value(*error);
    answer->set_value(UdpPingResult{std::move(rtts)});
  });
  auto result = future.get();
  if (!result) throw result.error();
  return std::move(*result);
}

void Client::onStateChange(std::function<void(ClientState, std::error_code)> handler) { impl_->onStateChange = std::move(handler); }
void Client::onStreamEvent(std::function<void(const StreamEvent&)> handler) { impl_->onStreamEvent = std::move(handler); }
std::vector<StreamInfo> Client::streams() const { return impl_->streams(); }
std::size_t Client::migrateStreams() { return impl_->migrateStreams(); }
void Client::onSessionRejected(std::function<void(const Error&)> handler) { impl_->onRejected = std::move(handler); }

}  // namespace chuantou
