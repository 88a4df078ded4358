// What the parts of one client share. Everything lives on the client's one thread.
#pragma once

#include "base/log.hpp"
#include "base/port_rules.hpp"
#include "chuantou/client.hpp"
#include "engine/client/control_link.hpp"
#include "engine/client/data_dialer.hpp"
#include "engine/client/peer_trust.hpp"
#include "engine/client/session_desk.hpp"
#include "net/deadline_queue.hpp"
#include "net/udp_batch.hpp"

namespace chuantou::engine {

struct Counters {
  std::uint64_t outboundActive = 0;
  std::uint64_t inboundActive = 0;
  std::uint64_t outboundTotal = 0;
  std::uint64_t inboundTotal = 0;
  std::uint64_t bytesUp = 0;    ///< towards the server
  std::uint64_t bytesDown = 0;  ///< from the server
};

struct ClientContext {
  net::IoThread& thread;
  const ClientConfig& config;
  const Logger& log;
  RandomSource& random;
  ControlLink& link;
  SessionDesk& desk;
  PeerTrust& trust;
  net::DeadlineQueue& handshakes;  ///< carriers on their way, 15 s
  DataDialer& dataDialer;
  net::UdpSender& udpSender;
  std::unique_ptr<net::UdpReceiver> udpReceiver;  ///< at the first datagram
  Counters counters;
  std::function<void(const Error& error)> onRejected;
  /// The network changed, or this program did not run for a while: connections may be dead without a word of it. For
  /// whoever has some that it can ask; the control channel asks by itself.
  std::function<void()> onNetworkSuspect;

  /// Tells the log and the application why a local connection did not reach its service.
  void reportRejected(const Error& error) {
    log.error(LogLevel::warn, "proxy", error);
    if (onRejected) onRejected(error);
  }
  net::UdpReceiver& receiver() {
    if (!udpReceiver) udpReceiver = std::make_unique<net::UdpReceiver>();
    return *udpReceiver;
  }
};

inline constexpr Millis kCarrierDeadline{15'000};

}  // namespace chuantou::engine
