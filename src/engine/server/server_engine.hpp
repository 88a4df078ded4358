// The server at work: one front thread that accepts, listens to control channels and asks the broker what to do;
// relaying threads that pump. docs/ARCHITECTURE.md draws it.
#pragma once

#include <asio/thread_pool.hpp>
#include <atomic>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/log.hpp"
#include "chuantou/server.hpp"
#include "engine/server/first_bytes_reader.hpp"
#include "engine/server/tls_certificate.hpp"
#include "engine/server/udp_relay.hpp"
#include "net/accept_loop.hpp"
#include "net/http.hpp"
#include "net/message_channel.hpp"
#include "net/pump.hpp"
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
  const std::string& host() const noexcept { return host_; }

  // From any thread but the server's own.
  std::vector<ServerClientInfo> clients();
  std::vector<ServerSessionInfo> sessions(std::size_t limit);
  ServerStats stats();
  ServerCertificate certificate();
  bool kick(const std::string& clientId);

 private:
  struct Relay {
    std::shared_ptr<net::Pump> pump;
    net::IoThread* thread;
  };

  void listen();
  void onAccepted(net::TcpSocket socket);

  void onDataChannel(net::TcpSocket socket, const DataKey& key) override;
  void onHttp(net::TcpSocket socket, std::span<const std::uint8_t> first) override;
  std::unique_ptr<net::TlsSocket> onTls(net::TcpSocket socket, std::span<const std::uint8_t> first) override;
  void onDataChannel(std::unique_ptr<net::TlsSocket> socket, const DataKey& key) override;
  void onHttp(std::unique_ptr<net::TlsSocket> socket, std::span<const std::uint8_t> first) override;
  template <class Socket>
  void openControl(Socket socket, std::span<const std::uint8_t> first);
  void onRefused() override;

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
  void startPump(SessionId session, net::TcpSocket initiator, net::TcpSocket target);
  void onPumpEnd(SessionId session, const net::PumpResult& result);
  void tick();
  relay::Now now() const;
  net::IoThread& nextRelayThread();
  /// Runs `f` on the front thread; its default result when the server does not run.
  template <class F>
  auto onFront(F f) -> decltype(f());

  ServerConfig config_;
  Logger log_;
  net::HttpHandler httpHandler_;
  std::string host_;
  std::uint16_t port_ = 0;
  std::mutex startStop_;   ///< one start() or stop() at a time
  std::mutex lifecycle_;   ///< of the next two; held for a moment only
  bool running_ = false;
  std::shared_ptr<net::IoThread> front_;
  TimePoint startedAt_{};

  std::unique_ptr<net::SystemRandom> random_;
  std::unique_ptr<relay::Broker> broker_;
  std::unique_ptr<UdpRelay> udp_;
  std::unique_ptr<TlsCertificate> certificate_;
  std::unique_ptr<net::DeadlineQueue> deadlines_;
  std::unique_ptr<net::Timer> tickTimer_;
  std::vector<net::AcceptLoop> acceptors_;
  std::unordered_map<std::uint64_t, std::shared_ptr<net::MessageChannel>> controls_;
  std::unordered_map<std::uint64_t, net::TcpSocket> channels_;
  std::unordered_map<std::uint64_t, Relay> relays_;
  std::unique_ptr<asio::thread_pool> httpWorkers_;
  bool serveHttp_ = false;
  std::uint64_t lastControl_ = 0;
  std::uint64_t lastChannel_ = 0;
  std::size_t nextThread_ = 0;

  std::size_t connections_ = 0;
  std::size_t pending_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t rejected_ = 0;
  std::atomic<std::uint64_t> relayedBytes_{0};

  std::vector<std::unique_ptr<net::IoThread>> relayThreads_;
};

}  // namespace chuantou::engine
