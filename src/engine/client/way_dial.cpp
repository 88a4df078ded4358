#include "engine/client/way_dial.hpp"

#include "net/sys_error.hpp"
#include "wire/control_message.hpp"

namespace chuantou::engine {

void WayDial::step(std::string kind, std::string where) {
  kind_ = std::move(kind);
  where_ = std::move(where);
  since_ = Clock::now();
}

void WayDial::stepDone() { log_.succeeded(kind_, where_, Clock::now() - since_); }

void WayDial::start(Duration deadline) {
  const HostPort& first = way_.proxy ? way_.proxy->at : way_.url.at;
  if (way_.proxy) {
    step(way_.proxy->kind == ProxyKind::http ? "http-proxy" : "socks5", way_.proxy->str());
  } else {
    step("tcp", formatHostPort(first.host, first.port));
  }
  dial_ = net::dial(thread_.context(), first.host, first.port, deadline,
                    [self = shared_from_this()](const net::ErrorCode& ec, net::TcpSocket socket) { self->onConnected(ec, std::move(socket)); });
}

void WayDial::onConnected(const net::ErrorCode& ec, net::TcpSocket socket) {
  dial_.reset();
  if (!done_) return;
  if (ec && way_.proxy) return fail(Error{Errc::proxy_refused, way_.proxy->str(), ec.message()}, ec.message());
  if (ec) return fail(net::serverError(ec, way_.url.str()), ec.message());
  if (!way_.proxy) {
    stepDone();
    return secure(std::move(socket));
  }
  tunnel_ = std::make_shared<net::ProxyTunnel>(
      std::move(socket), wire::makeProxyHandshake(*way_.proxy, way_.url.at),
      [self = shared_from_this()](const std::string* failure, net::TcpSocket tunnel) { self->onTunnel(failure, std::move(tunnel)); });
  const auto tunnel = tunnel_;  // it may end within
  tunnel->start();
}

void WayDial::onTunnel(const std::string* failure, net::TcpSocket socket) {
  tunnel_.reset();
  if (!done_) return;
  if (failure) return fail(Error{Errc::proxy_refused, way_.proxy->str(), *failure}, *failure);
  stepDone();
  secure(std::move(socket));
}

void WayDial::secure(net::TcpSocket socket) {
  if (!way_.url.tls) return openChannel(std::move(socket));
  step("tls", formatHostPort(way_.url.at.host, way_.url.at.port));
  const auto self = shared_from_this();
  auto handshake = tls_.shakeHands(thread_, std::move(socket), [self](const Error* error, std::unique_ptr<net::TlsSocket> secured) {
    self->handshake_.reset();
    if (!self->done_) return;
    if (error) return self->fail(*error, error->detail());
    self->stepDone();
    self->openChannel(std::move(secured));
  });
  if (done_ && !channel_) handshake_ = std::move(handshake);
}

template <class Socket>
void WayDial::openChannel(Socket socket) {
  step("websocket", way_.str());
  auto codec = net::WebSocketCodec::client(formatHostPort(way_.url.at.host, way_.url.at.port), way_.url.path, wire::kMaxMessageToClient);
  channel_ = std::make_shared<net::MessageChannel>(thread_, std::move(socket), std::move(codec), static_cast<net::MessageChannel::Owner*>(this));
  channel_->start();
}

void WayDial::onOpen(net::MessageChannel&) {
  const auto self = shared_from_this();
  stepDone();
  if (const Done done = std::exchange(done_, nullptr)) done(nullptr, std::exchange(channel_, nullptr));
}

void WayDial::onClosed(net::MessageChannel&, const std::string& reason) {
  channel_.reset();
  if (done_) fail(Error{Errc::server_unreachable, way_.url.str(), reason}, reason);
}

void WayDial::fail(const Error& error, const std::string& why) {
  const auto self = shared_from_this();
  log_.failed(kind_, where_, why);
  if (const Done done = std::exchange(done_, nullptr)) done(&error, nullptr);
}

void WayDial::expire() {
  if (done_) log_.failed(kind_, where_, "no answer in time");
  cancel();
}

void WayDial::cancel() {
  const auto self = shared_from_this();
  if (!std::exchange(done_, nullptr)) return;
  net::cancelDial(std::exchange(dial_, nullptr));
  if (const auto tunnel = std::exchange(tunnel_, nullptr)) tunnel->cancel();
  if (const auto handshake = std::exchange(handshake_, nullptr)) handshake->cancel();
  if (const auto channel = std::exchange(channel_, nullptr)) {
    channel->disown();
    channel->abort("another way was faster");
  }
}

}  // namespace chuantou::engine
