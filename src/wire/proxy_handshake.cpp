#include "wire/proxy_handshake.hpp"

#include "wire/http_connect.hpp"
#include "wire/socks5.hpp"

namespace chuantou::wire {

std::size_t ProxyHandshake::handle(std::span<const std::uint8_t> bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && state_ == State::going) take(bytes[taken++]);
  return taken;
}

void ProxyHandshake::fail(std::string why) {
  state_ = State::failed;
  failure_ = std::move(why);
}

std::unique_ptr<ProxyHandshake> makeProxyHandshake(const ProxyUrl& proxy, const HostPort& target) {
  if (proxy.kind == ProxyKind::http) return std::make_unique<HttpConnect>(proxy, target);
  return std::make_unique<Socks5>(proxy, target);
}

}  // namespace chuantou::wire
