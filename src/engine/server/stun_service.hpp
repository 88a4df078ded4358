// STUN on the server's UDP port, and on the sockets of its second address.
#pragma once

#include <optional>

#include "engine/server/stun_sockets.hpp"
#include "net/udp_batch.hpp"

namespace chuantou::engine {

/// stun::Responder at work. On the front thread.
class StunService {
 public:
  /// `own`: the server's UDP sockets, which are not moved until this one is gone.
  StunService(std::size_t maxPerMinute, std::optional<StunSockets> second, std::vector<net::UdpSocket>& own,
              RandomSource& random);
  void start();

  /// A datagram on one of the server's own sockets. False: it is not STUN.
  bool handle(net::UdpSocket& socket, const net::Datagram& datagram);

  const stun::ResponderStats& stats() const noexcept { return responder_.stats(); }
  std::size_t mostOfASource() { return responder_.mostOfASource(Clock::now()); }

 private:
  struct Local {
    net::UdpSocket* socket;
    UdpAddress at;
    bool any;  ///< it listens on every address, and knows to which one a datagram was sent
  };
  static stun::ResponderConfig configOf(std::size_t maxPerMinute, const std::optional<StunSockets>& second);
  void add(net::UdpSocket& socket);
  void wait(const Local& local);
  void receive(const Local& local);
  void answer(const Local& local, const net::Datagram& datagram);

  stun::Responder responder_;
  std::vector<net::UdpSocket> sockets_;
  std::vector<Local> locals_;  ///< the server's own first
  std::size_t own_;
  std::unique_ptr<net::UdpReceiver> receiver_;  ///< of sockets_, at the first datagram
};

}  // namespace chuantou::engine
