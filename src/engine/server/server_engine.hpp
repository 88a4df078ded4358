// The server at work: one front thread that accepts, listens to control channels and asks the broker what to do;
// relaying threads that pump. docs/ARCHITECTURE.md draws it.
#pragma once

#include <asio/thread_pool.hpp>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/log.hpp"
#include "chuantou/server.hpp"
#include "engine/server/first_bytes_reader.hpp"
#include "engine/server/gate.hpp"
#include "engine/server/limit_report.hpp"
#include "engine/server/server_state.hpp"
#include "engine/server/stun_service.hpp"
#include "engine/server/tcp_relay.hpp"
#include "engine/server/tls_certificate.hpp"
#include "engine/server/udp_relay.hpp"
#include "net/accept_loop.hpp"
#include "net/http.hpp"
#include "net/message_channel.hpp"
#include "net/system_random.hpp"
#include "relay/broker.hpp"

namespace chuantou::engine {

class ServerEngine : private net::MessageChannel::Owner, private FirstBytesReader::Owner {
 public:
  explicit ServerEngine(ServerConfig config);
  ~ServerEngine() override;

  void setHttpHandler(net::HttpHandler handler) { httpHandler_ = std::move(handler); }
  /// Throws Error.
  void start();
  void stop() noexcept;
  std::uint16_t port() const noexcept { return port_; }
  const std::vector<std::uint16_t>& extraPorts() const noexcept { return extraPorts_; }
  const std::string& host() const noexcept { return host_; }

  // From any thread but the server's own.
  std::vector<ServerClientInfo> clients();
  std::vector<ServerSessionInfo> sessions(std::size_t limit);
  ServerStats stats();
  ServerCertificate certificate();
  bool kick(const std::string& clientId);

  // Names and tokens (server_trust.cpp); as chuantou::Server says.
  std::vector<TokenInfo> tokens();
  std::string addToken(const TokenOptions& options);
  bool revokeToken(const std::string& name);
  std::string rotateToken(bool disconnect);
  std::string madeToken();
  bool releaseName(const std::string& clientId);

 private:
  /// With the names and tokens that were stored. Throws Error.
  void makeBroker(relay::BrokerConfig config);
  void listen();
  void onAccepted(net::TcpSocket socket);

  void onCannotAccept(const net::ErrorCode& ec);
  void onDataChannel(relay::PeerId peer, net::TcpSocket socket, const DataKey& key) override;
  void onHttp(relay::PeerId peer, net::TcpSocket socket, std::span<const std::uint8_t> first) override;
  std::unique_ptr<net::TlsSocket> onTls(net::TcpSocket socket, std::span<const std::uint8_t> first) override;
  void onDataChannel(relay::PeerId peer, std::unique_ptr<net::TlsSocket> socket, const DataKey& key) override;
  void onHttp(relay::PeerId peer, std::unique_ptr<net::TlsSocket> socket, std::span<const std::uint8_t> first) override;
  template <class Socket>
  void openControl(relay::PeerId peer, Socket socket, std::span<const std::uint8_t> first);
  void onRefused(relay::PeerId peer, bool late) override;
  /// False: the broker has refused for the gate.
  bool mayRegister(net::MessageChannel& channel, const wire::Register& message);

  void onOpen(net::MessageChannel& channel) override;
  void onText(net::MessageChannel& channel, std::string text) override;
  void onHeard(net::MessageChannel& channel) override;
  void onRequest(net::MessageChannel& channel, net::HttpRequest request) override;
  void onClosed(net::MessageChannel& channel, const std::string& reason) override;

  void drain();
  void perform(relay::Send action);
  void perform(relay::CloseControl action);
  void perform(relay::Pair action);
  void perform(relay::DropChannel action);
  void perform(relay::EndSession action);
  void perform(relay::AddUdp action);
  void perform(relay::RemoveUdp action);
  void perform(relay::StoreName action);
  void perform(relay::ForgetName action);
  void perform(relay::StoreTokens action);
  void onSessionEnded(SessionId session, std::uint64_t bytes);
  void tick();
  relay::Now now() const;
  /// Runs `f` on the front thread; its default result when the server does not run.
  template <class F>
  auto onFront(F f) -> decltype(f()) {
    std::shared_ptr<net::IoThread> front;
    {
      const std::lock_guard lock{lifecycle_};
      if (!running_) return {};
      front = front_;
    }
    return front->tryCall(std::move(f)).value_or(decltype(f()){});
  }
  /// The same for what the operator asks: does what follows from it. Throws Error: stopped, or what was not stored.
  template <class F>
  auto operate(F f) -> decltype(f());
  template <class F>
  void keep(F f);

  ServerConfig config_;
  std::optional<StunAltAddress> stunAlt_;
  Logger log_;
  net::HttpHandler httpHandler_;
  std::string host_;
  std::uint16_t port_ = 0;
  std::vector<std::uint16_t> extraPorts_;
  std::mutex startStop_;   ///< one start() or stop() at a time
  std::mutex lifecycle_;   ///< of the next two; held for a moment only
  bool running_ = false;
  std::shared_ptr<net::IoThread> front_;
  TimePoint startedAt_{};

  std::unique_ptr<net::SystemRandom> random_;
  std::unique_ptr<relay::Broker> broker_;
  std::unique_ptr<ServerState> state_;
  std::optional<Error> notStored_;  ///< since the operator's last wish
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<TcpRelay> tcp_;
  std::unique_ptr<UdpRelay> udp_;
  std::unique_ptr<StunService> stun_;  ///< uses udp_'s sockets
  std::unique_ptr<TlsCertificate> certificate_;
  std::unique_ptr<net::DeadlineQueue> deadlines_;
  std::unique_ptr<net::Timer> tickTimer_;
  std::vector<net::AcceptLoop> acceptors_;
  // Controls and channels have the number that the gate gave to their connection.
  std::unordered_map<std::uint64_t, std::shared_ptr<net::MessageChannel>> controls_;
  std::unordered_map<std::uint64_t, net::TcpSocket> channels_;
  std::unique_ptr<asio::thread_pool> httpWorkers_;
  bool serveHttp_ = false;

  std::size_t connections_ = 0;
  EngineCounts counts_;  ///< but for what stats() fills in
  std::optional<TimePoint> toldShortage_;
  std::uint64_t accepted_ = 0;
  std::uint64_t rejected_ = 0;
  std::uint64_t relayedBytes_ = 0;
};

}  // namespace chuantou::engine
