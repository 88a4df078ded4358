// A proxy's TCP side: accepts local programs and forwards each over a carrier.
#pragma once

#include <unordered_set>

#include "engine/client/carrier_pool.hpp"
#include "net/accept_loop.hpp"

namespace chuantou::engine {

class TcpProxy {
 public:
  TcpProxy(ClientContext& context, Target target, std::uint16_t localPort, Millis patience, std::vector<net::Acceptor> acceptors,
           ProxyStats& stats);
  ~TcpProxy();

  void start();
  /// Connections that came before now wait for a carrier.
  void onRegistered();
  /// What is warm is of no use any more.
  void onLost() { pool_->clear(); }

 private:
  class Connection;
  class StreamConnection;
  class PlainConnection;
  void onAccepted(net::TcpSocket socket);
  void forward(net::TcpSocket socket);
  void expireWaiting();

  struct Waiting {
    net::TcpSocket socket;
    TimePoint until;
  };

  ClientContext& context_;
  Target target_;
  std::vector<net::AcceptLoop> acceptors_;
  ProxyStats& stats_;
  Millis patience_;
  std::shared_ptr<CarrierPool> pool_;
  std::unordered_set<Connection*> connections_;
  std::deque<Waiting> waiting_;  ///< until the client is registered
  net::Timer waitingTimer_;
};

}  // namespace chuantou::engine
