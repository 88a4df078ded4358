// What the NAT tests send and hear, without the bytes: those are probe_codec.hpp's.
#pragma once

#include <optional>
#include <vector>

#include "base/time.hpp"
#include "base/udp_address.hpp"

namespace chuantou::nat {

/// A STUN Binding request to be sent once. What is sent again is another probe, so that an answer tells which one it
/// answers, and how long that took.
struct Probe {
  std::uint32_t id = 0;    ///< of this probe
  std::size_t socket = 0;  ///< which of the test's sockets sends it
  UdpAddress to;
  bool changeAddress = false;  ///< CHANGE-REQUEST (RFC 5780, section 7.2): answer from the other address
  bool changePort = false;     ///< … from the other port
  std::uint8_t ttl = 0;        ///< hops it may go; 0: as usual
  std::uint16_t responsePort = 0;  ///< RESPONSE-PORT (RFC 5780, section 7.5); 0: none
};

/// A Binding success response.
struct ProbeAnswer {
  std::uint32_t id = 0;    ///< of the probe that it answers
  std::size_t socket = 0;  ///< that it came to
  UdpAddress from;
  UdpAddress mapped;               ///< XOR-MAPPED-ADDRESS: the socket as the server saw it
  UdpAddress local;                ///< the socket as this machine sees it, with the address that leads to the server
  std::optional<UdpAddress> other;  ///< OTHER-ADDRESS: where a server also answers from
};

/// What a router or the far end said by ICMP about a probe.
struct ProbeError {
  enum class Kind {
    unreachable,  ///< nobody listens there: the datagram arrived
    hopsUsedUp,   ///< a router on the way got it with its last hop
  };
  Kind kind = Kind::unreachable;
  std::size_t socket = 0;
  UdpAddress to;   ///< of the probe
  IpAddress from;  ///< who said it
};

/// A probe that a test wants to be sent; `slot` comes back to it with what is heard of it.
struct Draft {
  Probe probe;
  std::uint32_t slot = 0;
};
using Drafts = std::vector<Draft>;

/// What is never due.
inline constexpr TimePoint kNever = TimePoint::max();

/// A test with sockets and a clock of somebody else's. After each handleX(): pollSend() until it is empty, then done(), then
/// handleTimeout() at pollTimeout().
class ProbeMachine {
 public:
  virtual ~ProbeMachine() = default;
  virtual void handleAnswer(TimePoint now, const ProbeAnswer& answer) = 0;
  /// An error response to this probe.
  virtual void handleErrorResponse(TimePoint now, std::uint32_t id) = 0;
  /// This very probe came to one of the sockets.
  virtual void handleArrival(TimePoint /*now*/, std::uint32_t /*id*/, std::size_t /*socket*/) {}
  virtual void handleError(TimePoint /*now*/, const ProbeError& /*error*/) {}
  virtual void handleTimeout(TimePoint now) = 0;
  virtual std::optional<Probe> pollSend() = 0;
  virtual TimePoint pollTimeout() const = 0;
  virtual bool done() const noexcept = 0;
};

}  // namespace chuantou::nat
