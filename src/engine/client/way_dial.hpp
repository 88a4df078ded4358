// One way to the server, tried to its end: connection, proxy, TLS, WebSocket.
#pragma once

#include "base/log.hpp"
#include "engine/client/server_tls.hpp"
#include "engine/client/server_way.hpp"
#include "engine/client/transport_log.hpp"
#include "net/dialer.hpp"
#include "net/message_channel.hpp"
#include "net/proxy_tunnel.hpp"

namespace chuantou::engine {

/// On the client's thread. What it uses must outlive it, unless it was cancelled.
class WayDial final : public std::enable_shared_from_this<WayDial>, private net::MessageChannel::Owner {
 public:
  /// Once, unless cancelled. The channel is open, and nothing was sent on it; whoever gets it takes it over with adopt().
  using Done = std::function<void(const Error* error, std::shared_ptr<net::MessageChannel> channel)>;

  WayDial(net::IoThread& thread, const ServerWay& way, ServerTls& tls, TransportLog& log, Done done)
      : thread_(thread), way_(way), tls_(tls), log_(log), done_(std::move(done)) {}

  void start(Duration deadline);
  void cancel();
  /// The time is up: what was waited for has failed. Cancels.
  void expire();

 private:
  void onConnected(const net::ErrorCode& ec, net::TcpSocket socket);
  void onTunnel(const std::string* failure, net::TcpSocket socket);
  void secure(net::TcpSocket socket);
  template <class Socket>
  void openChannel(Socket socket);
  void step(std::string kind, std::string where);
  void stepDone();
  void fail(const Error& error, const std::string& why);

  void onOpen(net::MessageChannel& channel) override;
  void onText(net::MessageChannel&, std::string) override {}
  void onHeard(net::MessageChannel&) override {}
  void onRequest(net::MessageChannel&, net::HttpRequest) override {}
  void onClosed(net::MessageChannel& channel, const std::string& reason) override;

  net::IoThread& thread_;
  const ServerWay way_;
  ServerTls& tls_;
  TransportLog& log_;
  Done done_;
  net::DialHandle dial_;
  std::shared_ptr<net::ProxyTunnel> tunnel_;
  std::shared_ptr<net::TlsHandshake> handshake_;
  std::shared_ptr<net::MessageChannel> channel_;
  // The present step.
  std::string kind_;
  std::string where_;
  TimePoint since_{};
};

}  // namespace chuantou::engine
