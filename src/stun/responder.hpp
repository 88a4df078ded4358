// Answers Binding requests: tells each client where its datagrams come from (RFC 8489) and, with a second address, what
// a NAT in between does with them (RFC 5780). RFC 3489's clients are answered over IPv4.
//
// Anybody may send requests, and in anybody's name. So an answer has no byte that its RFC does not ask for, goes to the
// IP that the request came from and to no other (there is no RESPONSE-ADDRESS), and a source gets only so many. To
// another port of that IP it goes with RESPONSE-PORT: who can write somebody's IP into a request can write his port as
// well. In bytes (IPv4, IPv6):
//
//     a request                              its answer
//     20    nothing in it                    32, 44
//     20    the same, with a second address  68, 116: the four addresses that RFC 5780, section 6.1, wants
//     28    CHANGE-REQUEST                   the same; 36 without a second address
//     28    RESPONSE-PORT                    the same; 56, 92 without a second address
//     24+n  PADDING of n bytes               the same, and 4+n at most
//     24+n  with k attributes unknown        32 + 2k, rounded up
#pragma once

#include "stun/message.hpp"
#include "stun/source_allowances.hpp"

namespace chuantou::stun {

struct ResponderConfig {
  std::size_t maxPerMinute = 6'000;  ///< answers to one source
  std::size_t places = 65'536;       ///< for counting sources; 24 bytes each

  /// A1:P1 and A2:P2 of RFC 5780: the server is reached by both addresses, with both ports on each.
  struct Alternates {
    UdpAddress primary;
    UdpAddress other;
  };
  std::optional<Alternates> alternates;
};

struct Answer {
  UdpAddress from;  ///< the server's: where the request arrived, unless CHANGE-REQUEST wants another
  UdpAddress to;
  std::vector<std::uint8_t> bytes;
};

struct ResponderStats {
  std::uint64_t requests = 0;  ///< Binding requests, before anything else is looked at
  std::uint64_t answers = 0;
  std::uint64_t refused = 0;  ///< requests of sources that sent too many
  std::uint64_t ignored = 0;  ///< anything else that was taken for STUN: malformed, a response, another method
};

class Responder {
 public:
  Responder(ResponderConfig config, RandomSource& random)
      : config_(std::move(config)), allowances_(config_.maxPerMinute, config_.places, random) {}

  /// Whether a datagram is for it: on a port with other protocols, of which none begins with two zero bits.
  static bool wants(std::span<const std::uint8_t> datagram) { return isStun(datagram) || isClassicRequest(datagram); }

  /// `at`: the server's address where it arrived; its IP may be the unspecified one where nobody knows it, which a
  /// server with alternates must.
  std::optional<Answer> handle(TimePoint now, const UdpAddress& from, const UdpAddress& at,
                               std::span<const std::uint8_t> datagram);

  const ResponderStats& stats() const noexcept { return stats_; }
  /// The most that one source has asked within about a minute.
  std::size_t mostOfASource(TimePoint now) { return allowances_.most(now); }

 private:
  /// The address that CHANGE-REQUEST changes to, both IP and port. Nothing: there is none for this one.
  std::optional<UdpAddress> otherOf(const UdpAddress& at) const;

  ResponderConfig config_;
  SourceAllowances allowances_;
  ResponderStats stats_;
};

}  // namespace chuantou::stun
