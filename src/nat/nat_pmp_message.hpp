// NAT Port Mapping Protocol (RFC 6886), PCP's elder sister on the same port: version 0, IPv4 only.
//
//     address request (section 3.2):  ver 0 | op 0
//     address response:               ver 0 | op 128 | result (2) | epoch, s (4) | external address (4)
//     mapping request (section 3.3):  ver 0 | op 1 UDP, 2 TCP | reserved (2) | internal port (2) |
//                                     external port (2) | lifetime, s (4)
//     mapping response:               ver 0 | op 129, 130 | result (2) | epoch, s (4) | internal port (2) |
//                                     external port (2) | lifetime, s (4)
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "nat/port_mapping.hpp"

namespace chuantou::nat {

/// Section 3.5.
enum class NatPmpResult : std::uint16_t {
  success = 0,
  unsupportedVersion = 1,
  notAuthorized = 2,
  networkFailure = 3,  ///< the gateway itself has no address yet
  outOfResources = 4,
  unsupportedOpcode = 5,
};

struct NatPmpMap {
  Transport transport = Transport::udp;
  std::uint16_t internalPort = 0;
  std::uint16_t externalPort = 0;  ///< in a request: what we would like
  std::chrono::seconds lifetime{0};
  bool operator==(const NatPmpMap&) const = default;
};

struct NatPmpReply {
  NatPmpResult result = NatPmpResult::success;
  std::uint32_t epoch = 0;           ///< seconds since the gateway lost what it knew; section 3.6
  std::optional<IpAddress> address;  ///< of a successful answer about the address
  std::optional<NatPmpMap> map;      ///< of an answer about a mapping, granted or not
};

std::array<std::uint8_t, 2> encodeNatPmpAddress();
/// A lifetime of 0 removes the mapping, and then wants the external port to be 0 (section 3.4).
std::array<std::uint8_t, 12> encodeNatPmpMap(const NatPmpMap& map);

/// Nothing for what is no response of version 0 of one of these kinds. A gateway that refuses may leave the rest away:
/// of a refused mapping without ports there is neither `address` nor `map`.
std::optional<NatPmpReply> decodeNatPmpReply(std::span<const std::uint8_t> datagram);

}  // namespace chuantou::nat
