// A connection to a proxy becomes one to whom it leads.
#pragma once

#include "net/types.hpp"
#include "wire/proxy_handshake.hpp"

namespace chuantou::net {

/// On one thread. Reads no byte of what comes after the handshake. Who waits for it sets the deadline.
class ProxyTunnel : public std::enable_shared_from_this<ProxyTunnel> {
 public:
  /// Once. `failure`: why there is no tunnel; null: the socket is one.
  using Done = std::function<void(const std::string* failure, TcpSocket socket)>;

  /// The socket is connected and does not block.
  ProxyTunnel(TcpSocket socket, std::unique_ptr<wire::ProxyHandshake> handshake, Done done)
      : socket_(std::move(socket)), handshake_(std::move(handshake)), done_(std::move(done)) {}
  void start() { step(); }
  /// Closes; `done` will not run.
  void cancel();

 private:
  void step();
  bool flush();
  void read();
  void finish(const std::string* failure);

  TcpSocket socket_;
  std::unique_ptr<wire::ProxyHandshake> handshake_;
  Done done_;
  std::string unsent_;
};

}  // namespace chuantou::net
