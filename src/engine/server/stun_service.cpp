#include "engine/server/stun_service.hpp"

#include "net/ip_convert.hpp"
#include "net/udp_source.hpp"

namespace chuantou::engine {

StunService::StunService(std::size_t maxPerMinute, std::optional<StunSockets> second, std::vector<net::UdpSocket>& own,
                         RandomSource& random)
    : responder_(configOf(maxPerMinute, second), random), own_(own.size()) {
  if (second) sockets_ = std::move(second->sockets);
  for (net::UdpSocket& socket : own) add(socket);
  for (net::UdpSocket& socket : sockets_) add(socket);
}

stun::ResponderConfig StunService::configOf(std::size_t maxPerMinute, const std::optional<StunSockets>& second) {
  stun::ResponderConfig config;
  config.maxPerMinute = maxPerMinute;
  if (second) config.alternates = second->addresses;
  return config;
}

void StunService::add(net::UdpSocket& socket) {
  net::ErrorCode ec;
  const UdpAddress at = net::fromAsio(socket.local_endpoint(ec));
  const bool any = kindOf(at.ip) == AddressKind::unspecified && net::enableDestinations(socket);
  locals_.push_back({&socket, at, any});
}

void StunService::start() {
  for (std::size_t i = own_; i < locals_.size(); ++i) wait(locals_[i]);
}

void StunService::wait(const Local& local) {
  local.socket->async_wait(net::UdpSocket::wait_read, [this, &local](const net::ErrorCode& ec) {
    if (!ec) receive(local);
  });
}

void StunService::receive(const Local& local) {
  if (!receiver_) receiver_ = std::make_unique<net::UdpReceiver>();
  for (const net::Datagram& datagram : receiver_->receive(*local.socket)) {
    if (stun::Responder::wants(datagram.bytes)) answer(local, datagram);
  }
  wait(local);
}

bool StunService::handle(net::UdpSocket& socket, const net::Datagram& datagram) {
  if (!stun::Responder::wants(datagram.bytes)) return false;
  for (std::size_t i = 0; i < own_; ++i) {
    if (locals_[i].socket == &socket) answer(locals_[i], datagram);
  }
  return true;
}

void StunService::answer(const Local& local, const net::Datagram& datagram) {
  UdpAddress at = local.at;
  if (datagram.to) at.ip = net::fromAsio(*datagram.to);
  const auto answer = responder_.handle(Clock::now(), net::fromAsio(*datagram.from), at, datagram.bytes);
  if (!answer) return;
  // What the system does not take now is lost, as on any way: the client asks again.
  net::UdpEndpoint to = *datagram.from;  // its IP with the scope, which the answer's has not
  to.port(answer->to.port);
  for (const Local& each : locals_) {
    if (each.at == answer->from) {
      net::ErrorCode ignored;
      each.socket->send_to(asio::buffer(answer->bytes), to, 0, ignored);
      return;
    }
    if (each.any && each.at.port == answer->from.port && each.at.ip.isV6() == answer->from.ip.isV6()) {
      // From where it came, to the letter, if that is where the answer belongs.
      const bool same = datagram.to && net::fromAsio(*datagram.to) == answer->from.ip;
      net::sendFrom(*each.socket, same ? *datagram.to : net::toAsio(answer->from.ip), to, answer->bytes);
      return;
    }
  }
}

}  // namespace chuantou::engine
