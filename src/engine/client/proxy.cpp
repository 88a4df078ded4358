#include "engine/client/proxy.hpp"

#include "net/listener.hpp"

namespace chuantou::engine {

namespace {
Result<Target> targetOf(const ProxyOptions& options) {
  const auto peer = ClientId::parse(options.targetClientId);
  if (!peer) return Error{Errc::invalid_argument, "the target client \"" + options.targetClientId + "\"", "an id is 1 to 64 of A-Z a-z 0-9 . _ -"};
  if (options.targetPort == 0) return Error{Errc::invalid_argument, "the target port 0", "a port is 1 to 65535"};
  if (options.targetHost.size() > 255) return Error{Errc::invalid_argument, "the target host", "at most 255 bytes"};
  if (options.udpIdleTimeout < std::chrono::seconds{1} || options.udpIdleTimeout > std::chrono::hours{24}) {
    return Error{Errc::invalid_argument, "the UDP idle time-out", "1 s to 24 h"};
  }
  if (options.patience && (*options.patience < Millis{0} || *options.patience > kLongestPatience)) {
    return Error{Errc::invalid_argument, "the patience", "0 to 18 h"};
  }
  return Target{*peer, options.targetHost, options.targetPort, options.encryption == Encryption::none};
}
}  // namespace

Result<std::unique_ptr<ProxyEngine>> ProxyEngine::open(ClientContext& context, UdpLink& link, ProxyOptions options) {
  const auto target = targetOf(options);
  if (!target) return target.error();
  net::ListenOptions listen;
  listen.hosts = options.localHost.empty() ? std::vector<std::string>{"127.0.0.1", "::1"} : std::vector{options.localHost};
  listen.port = options.localPort;
  listen.tcp = options.protocol != Protocol::udp;
  listen.udp = options.protocol != Protocol::tcp;
  listen.portFlag = "--local-port";
  auto listening = net::listenOn(context.thread.context(), listen);
  if (!listening) return listening.error();
  options.localPort = listening->port;

  std::unique_ptr<ProxyEngine> proxy{new ProxyEngine{std::move(options)}};
  if (listen.tcp) {
    proxy->tcp_ = std::make_unique<TcpProxy>(context, target.value(), listening->port, proxy->options_.patience.value_or(context.config.patience),
                                             std::move(listening->tcp), proxy->stats_);
    proxy->tcp_->start();
  }
  if (listen.udp) {
    proxy->udp_ = std::make_unique<UdpProxy>(context, link, target.value(), listening->port, proxy->options_.udpIdleTimeout,
                                             std::move(listening->udp), proxy->stats_);
    proxy->udp_->start();
  }
  return proxy;
}

}  // namespace chuantou::engine
