// Connections to the server's port for data channels, on the way that the control channel has taken: plain, or inside TLS where
// the client wants that.
#pragma once

#include "engine/client/control_link.hpp"
#include "net/deadline_queue.hpp"

namespace chuantou::engine {

class DataDialer {
 public:
  /// An error is Asio's or one of ours; the socket is open without one.
  using Done = std::function<void(const net::ErrorCode& ec, net::TcpSocket socket)>;

  DataDialer(net::IoThread& thread, ControlLink& link, net::DeadlineQueue& deadlines)
      : thread_(thread), link_(link), deadlines_(deadlines) {}

  /// To the server that the client is registered at. `done` runs once, never before dial() returns; at the deadline with
  /// timed_out. Whoever does not want the connection any more lets the socket go then.
  void dial(Done done);
  /// Of which kind dial()'s way is now, as people are told: "relay tcp", "relay tls", "relay proxy". A literal.
  std::string_view wayName() const;

 private:
  class Attempt;

  bool secured() const { return link_.tls().wantedForData() || link_.way().guessed; }

  net::IoThread& thread_;
  ControlLink& link_;
  net::DeadlineQueue& deadlines_;
};

}  // namespace chuantou::engine
