// Whether a gateway still knows what it was asked: its clock, compared with ours (RFC 6887, section 8.5).
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace chuantou::nat {

/// Of one gateway, as PCP's replies tell it. NAT-PMP's own rule (RFC 6886, section 3.6) only forgives more: what it
/// calls a restart is one here too, and a false alarm costs one request.
class GatewayEpoch {
 public:
  /// The epoch of an answer that came now. True when the gateway has lost its mappings since the last one.
  bool handleEpoch(TimePoint now, std::uint32_t epoch);

 private:
  struct Seen {
    TimePoint at;
    std::uint32_t epoch = 0;
  };
  std::optional<Seen> last_;
};

}  // namespace chuantou::nat
