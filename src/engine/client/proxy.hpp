// A proxy: one local port, TCP and UDP.
#pragma once

#include "engine/client/tcp_proxy.hpp"
#include "engine/client/udp_proxy.hpp"

namespace chuantou::engine {

class ProxyEngine {
 public:
  /// Opens the local port. Errors: port_in_use, permission_denied, address_unavailable, invalid_argument.
  static Result<std::unique_ptr<ProxyEngine>> open(ClientContext& context, UdpLink& link, ProxyOptions options);

  const ProxyOptions& options() const noexcept { return options_; }
  const ProxyStats& stats() const noexcept { return stats_; }
  void onRegistered() {
    if (tcp_) tcp_->onRegistered();
  }
  void onLost() {
    if (tcp_) tcp_->onLost();
    if (udp_) udp_->onLost();
  }

 private:
  explicit ProxyEngine(ProxyOptions options) : options_(std::move(options)) {}

  ProxyOptions options_;
  ProxyStats stats_;
  std::unique_ptr<TcpProxy> tcp_;
  std::unique_ptr<UdpProxy> udp_;
};

}  // namespace chuantou::engine
