// The client at work: one thread, on which everything lives; its public calls may come from any other.
#pragma once

#include <condition_variable>
#include <mutex>
#include <unordered_set>

#include "engine/client/incoming_requests.hpp"
#include "engine/client/peer_operations.hpp"
#include "engine/client/proxy.hpp"
#include "engine/client/stream_registry.hpp"
#include "engine/client/udp_ping.hpp"
#include "net/network_watch.hpp"
#include "net/system_random.hpp"
#include "net/wake_watch.hpp"

namespace chuantou::engine {

class ClientEngine : public std::enable_shared_from_this<ClientEngine>, private ControlLink::Listener {
 public:
  using ProxyId = std::uint64_t;

  explicit ClientEngine(ClientConfig config);  ///< Throws Error(invalid_argument).
  ~ClientEngine() override;

  void start(bool wait);
  void stop() noexcept;

  std::string id() const;
  ClientState state() const;
  ClientStats stats();

  struct OpenedProxy {
    ProxyId id;
    ProxyOptions options;
  };
  OpenedProxy createProxy(ProxyOptions options);
  bool closeProxy(ProxyId id);
  std::optional<ProxyStats> proxyStats(ProxyId id);
  std::vector<OpenedProxy> proxies();
  std::vector<StreamInfo> streams();
  std::size_t migrateStreams();

  void listen(std::uint16_t port, Client::StreamHandler handler);
  void unlisten(std::uint16_t port);
  /// `done` with an error at once when the client does not run.
  void asyncConnect(const std::string& peer, std::uint16_t port, Duration deadline, ConnectDone done);
  void asyncPing(const std::string& peer, Duration deadline, PingDone done);
  /// Throws Error(invalid_argument).
  void asyncPingUdp(const std::string& peer, const UdpPingOptions& options, UdpPingDone done);
  std::vector<PeerInfo> peers(Duration deadline);
  std::string publicKey() const { return trust_->identity().publicKey().str(); }
  std::vector<PeerWays> peerWays();
  std::vector<KnownPeerInfo> knownPeers();
  bool forgetPeer(const std::string& peer);
  void trustPeer(const std::string& peer, const std::string& key);

  std::function<void(ClientState, std::error_code)> onStateChange;
  std::function<void(const Error&)> onRejected;
  std::function<void(const StreamEvent&)> onStreamEvent;

 private:
  void onRegistered(const wire::RegisterResponse& response) override;
  void onMessage(wire::MessageToClient message) override;
  void onLost(const Error& error) override;
  void onAttemptFailed(const Error& error, bool fatal) override;

  void setState(ClientState state, const Error* reason);
  /// Asks everything that stands whether it still does.
  void doubt(const std::string& why);
  void adopt(const std::shared_ptr<detail::StreamImpl>& stream, bool inbound);
  void tearDown();
  Target targetOf(const std::string& peer, std::uint16_t port) const;
  [[noreturn]] static void throwStopped();
  /// Runs on the thread; throws Error(stopped) after stop().
  template <class F>
  auto onThread(F f) -> decltype(f());

  ClientConfig config_;
  Logger log_;
  ServerUrl url_;
  net::SystemRandom random_;
  std::shared_ptr<net::IoThread> thread_;

  // What other threads look at.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ClientState state_ = ClientState::stopped;
  std::string id_;
  std::optional<Error> lastError_;
  bool started_ = false;
  bool stopped_ = false;

  // On the thread only, made in this order.
  std::unique_ptr<PeerTrust> trust_;
  std::unique_ptr<ControlLink> link_;
  std::unique_ptr<net::NetworkWatch> networkWatch_;
  std::unique_ptr<net::WakeWatch> wakeWatch_;
  std::unique_ptr<SessionDesk> desk_;
  std::unique_ptr<net::DeadlineQueue> handshakes_;
  std::unique_ptr<DataDialer> dataDialer_;
  net::UdpSender udpSender_;
  std::unique_ptr<StreamRegistry> streamRegistry_;
  std::unique_ptr<ClientContext> context_;
  std::unique_ptr<UdpLink> udpLink_;
  std::unique_ptr<TcpTargets> tcpTargets_;
  std::unique_ptr<UdpTargets> udpTargets_;
  std::unique_ptr<IncomingRequests> incoming_;
  std::map<ProxyId, std::unique_ptr<ProxyEngine>> proxies_;
  std::unordered_set<std::shared_ptr<detail::StreamImpl>> streams_;
  std::vector<std::function<void(const wire::ClientList*)>> listWaiters_;
  ProxyId lastProxy_ = 0;
  std::uint64_t registrations_ = 0;
  std::string lastWay_;  ///< of the last registration
};

}  // namespace chuantou::engine
