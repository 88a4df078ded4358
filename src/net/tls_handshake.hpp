// The beginning of a TLS connection, on either side.
#pragma once

#include "net/tls_socket.hpp"

namespace chuantou::net {

/// On one thread. Who waits for it sets the deadline.
class TlsHandshake : public std::enable_shared_from_this<TlsHandshake> {
 public:
  /// Once. With `good` false the socket is of use only for what its session says of the failure.
  using Done = std::function<void(std::unique_ptr<TlsSocket> socket, bool good)>;

  TlsHandshake(std::unique_ptr<TlsSocket> socket, Done done) : socket_(std::move(socket)), done_(std::move(done)) {}
  void start() { step(); }
  /// Closes; `done` will not run.
  void cancel();

 private:
  void step();
  void finish(bool good);

  std::unique_ptr<TlsSocket> socket_;
  Done done_;
};

}  // namespace chuantou::net
