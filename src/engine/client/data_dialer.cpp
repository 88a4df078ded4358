#include "engine/client/data_dialer.hpp"

#include <asio/error.hpp>

#include "net/socket_options.hpp"
#include "net/tls_bridge.hpp"

namespace chuantou::engine {

class DataDialer::Attempt final : public net::DeadlineQueue::Waiter, public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(net::IoThread& thread, ServerTls* tls, Done done)
      : thread_(thread), tls_(tls), socket_(thread.context()), done_(std::move(done)) {}

  void start(const net::TcpEndpoint& server) {
    net::openForDial(socket_, server);
    socket_.async_connect(server, [self = shared_from_this()](const net::ErrorCode& ec) { self->onConnected(ec); });
  }

  void onDeadline() override {
    net::ErrorCode ignored;
    socket_.close(ignored);
    if (const auto handshake = handshake_.lock()) handshake->cancel();
    finish(asio::error::timed_out, net::TcpSocket{thread_.context()});
  }

 private:
  void onConnected(const net::ErrorCode& ec) {
    if (!done_) return;
    if (ec || !tls_) return finish(ec, std::move(socket_));
    handshake_ = tls_->shakeHands(thread_, std::move(socket_),
                                  [self = shared_from_this()](const Error* error, std::unique_ptr<net::TlsSocket> socket) {
                                    self->onSecured(error, std::move(socket));
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
  std::weak_ptr<net::TlsHandshake> handshake_;  ///< holds this object, not the reverse
  Done done_;
};

void DataDialer::dial(Done done) {
  ServerTls& tls = link_.tls();
  const auto attempt = std::make_shared<Attempt>(thread_, tls.wantedForData() ? &tls : nullptr, std::move(done));
  deadlines_.add(attempt);
  attempt->start(link_.server());
}

}  // namespace chuantou::engine
