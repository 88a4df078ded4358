// Probes as STUN messages (RFC 8489), and datagrams as what they mean for the tests.
#pragma once

#include <map>
#include <span>
#include <variant>

#include "base/random.hpp"
#include "nat/probe.hpp"
#include "stun/message.hpp"

namespace chuantou::nat {

/// Remembers the transaction id of each probe that it encoded, so that only those who saw a probe can answer it.
class ProbeCodec {
 public:
  explicit ProbeCodec(RandomSource& random) : random_(random) {}

  std::vector<std::uint8_t> encode(const Probe& probe);

  struct Answered {
    ProbeAnswer answer;  ///< without `local`
  };
  struct Refused {
    std::uint32_t id = 0;
  };
  struct Arrived {
    std::uint32_t id = 0;
    std::size_t socket = 0;
  };
  /// monostate: none of ours.
  using Meaning = std::variant<std::monostate, Answered, Refused, Arrived>;
  Meaning decode(std::size_t socket, const UdpAddress& from, std::span<const std::uint8_t> datagram) const;

 private:
  RandomSource& random_;
  std::map<stun::TransactionId, std::uint32_t> ids_;
};

}  // namespace chuantou::nat
