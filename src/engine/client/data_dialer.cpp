#include "engine/client/data_dialer.hpp"

#include <asio/error.hpp>

#include "net/proxy_tunnel.hpp"
#include "net/socket_options.hpp"
#include "net/tls_bridge.hpp"

namespace chuantou::engine {

class DataDialer::Attempt final : public net::DeadlineQueue::Waiter, public std::enable_shared_from_this<Attempt> {
 public:
  /// `tls`: null: without.
  Attempt(net::IoThread& thread, ServerTls* tls, const ServerWay& way, Done done)
      : thread_(thread), tls_(tls), socket_(thread.context()), done_(std::move(done)) {
    if (way.proxy) toServer_ = wire::makeProxyHandshake(*way.proxy, way.url.at);
  }

  void start(const net::TcpEndpoint& server) {
    net::openForDial(socket_, server);
    socket_.async_connect(server, [self = shared_from_this()](const net::ErrorCode& ec) { self->onConnected(ec); });
  }

  void onDeadline() override {
    net::ErrorCode ignored;
    socket_.close(ignored);
    if (const auto tunnel = tunnel_.lock()) tunnel->cancel();
    if (const auto handshake = handshake_.lock()) handshake->cancel();
    finish(asio::error::timed_out, net::TcpSocket{thread_.context()});
  }

 private:
  void onConnected(const net::ErrorCode& ec) {
    if (!done_) return;
    if (ec || !toServer_) return onThrough(ec, std::move(socket_));
    const auto tunnel = std::make_shared<net::ProxyTunnel>(
        std::move(socket_), std::move(toServer_), [self = shared_from_this()](const std::string* failure, net::TcpSocket socket) {
          if (self->done_) self->onThrough(failure ? net::ErrorCode{make_error_code(Errc::proxy_refused)} : net::ErrorCode{}, std::move(socket));
        });
    tunnel_ = tunnel;
    tunnel->start();
  }

  void onThrough(const net::ErrorCode& ec, net::TcpSocket socket) {
    if (ec || !tls_) return finish(ec, std::move(socket));
    handshake_ = tls_->shakeHands(thread_, std::move(socket),
                                  [self = shared_from_this()](const Error* error, std::unique_ptr<net::TlsSocket> secured) {
                                    self->onSecured(error, std::move(secured));
                                  });
  }

  void onSecured(const Error* error, std::unique_ptr<net::TlsSocket> socket) {
    if (!done_) return;
    if (error) return finish(error->code(), net::TcpSocket{thread_.context()});
    net::TcpSocket bridge = net::TlsBridge::start(thread_, std::move(socket));
    const net::ErrorCode ec = bridge.is_open() ? net::ErrorCode{} : net::ErrorCode{asio::error::no_descriptors};
    finish(ec, std::move(bridge));
  }

  void finish(const net::ErrorCode& ec, net::TcpSocket socket) {
    if (const Done done = std::exchange(done_, nullptr)) done(ec, std::move(socket));
  }

  net::IoThread& thread_;
  ServerTls* tls_;
  net::TcpSocket socket_;
  std::unique_ptr<wire::ProxyHandshake> toServer_;  ///< where there is a proxy
  // They hold this object, not the reverse.
  std::weak_ptr<net::ProxyTunnel> tunnel_;
  std::weak_ptr<net::TlsHandshake> handshake_;
  Done done_;
};

void DataDialer::dial(Done done) {
  const auto attempt = std::make_shared<Attempt>(thread_, secured() ? &link_.tls() : nullptr, link_.way(), std::move(done));
  deadlines_.add(attempt);
  attempt->start(link_.server());
}

std::string_view DataDialer::wayName() const {
  if (link_.way().proxy) return "relay proxy";
  return secured() ? "relay tls" : "relay tcp";
}

}  // namespace chuantou::engine
