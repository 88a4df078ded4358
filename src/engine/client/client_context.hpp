// What the parts of one client share. Everything lives on the client's one thread.
#pragma once

#include <map>

#include "base/log.hpp"
#include "base/port_rules.hpp"
#include "chuantou/client.hpp"
#include "engine/client/control_link.hpp"
#include "engine/client/data_dialer.hpp"
#include "engine/client/peer_way_log.hpp"
#include "engine/client/peer_trust.hpp"
#include "engine/client/session_desk.hpp"
#include "net/deadline_queue.hpp"
#include "net/udp_batch.hpp"

namespace chuantou::engine {

class CarrierPool;
class StreamRegistry;

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
  StreamRegistry& streams;
  Counters counters;
  std::function<void(const Error& error)> onRejected;

  /// Tells the log and the application why a local connection did not reach its service.
  void reportRejected(const Error& error) {
    log.error(LogLevel::warn, "proxy", error);
    if (onRejected) onRejected(error);
  }
  /// Carriers for what the application opens itself.
  std::shared_ptr<CarrierPool> poolOf(const Target& target);
  std::map<Target, std::shared_ptr<CarrierPool>> pools;
  PeerWayLog peerWays = {};

  net::UdpReceiver& receiver() {
    if (!udpReceiver) udpReceiver = std::make_unique<net::UdpReceiver>();
    return *udpReceiver;
  }
};

inline constexpr Millis kCarrierDeadline{15'000};
/// OPEN says it in seconds, of which it has 16 bits.
inline constexpr std::chrono::hours kLongestPatience{18};

}  // namespace chuantou::engine
