// A proxy's UDP side: a flow for each source address, each a session of its own.
#pragma once

#include "engine/client/flow_sealing.hpp"
#include "engine/client/udp_link.hpp"
#include "stream/flow_table.hpp"

namespace chuantou::engine {

class UdpProxy {
 public:
  UdpProxy(ClientContext& context, UdpLink& link, Target target, std::uint16_t localPort, Duration idle,
           std::vector<net::UdpSocket> sockets, ProxyStats& stats);
  ~UdpProxy();
  void start();
  void onLost() { carriers_->clear(); }

 private:
  class Flow;
  struct SourceHash {
    std::size_t operator()(const net::UdpEndpoint& endpoint) const noexcept;
  };

  void wait(net::UdpSocket& socket);
  void receive(net::UdpSocket& socket);
  void handle(net::UdpSocket& socket, const net::Datagram& datagram, TimePoint now);
  void armIdleTimer();

  ClientContext& context_;
  UdpLink& link_;
  Target target_;
  std::uint16_t localPort_;
  std::vector<net::UdpSocket> sockets_;
  ProxyStats& stats_;
  std::shared_ptr<CarrierPool> carriers_;  ///< on which flows agree on their keys
  stream::FlowTable<net::UdpEndpoint, std::shared_ptr<Flow>, SourceHash> flows_;
  net::Timer idleTimer_;
  bool idleTimerArmed_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace chuantou::engine
