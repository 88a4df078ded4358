// Port Control Protocol (RFC 6887): ANNOUNCE and MAP, without options.
//
//     request (section 7.1)                          response (section 7.2)
//     0        1        2               4            0        1        2        3        4
//     +--------+--------+---------------+            +--------+--------+--------+--------+
//     | ver 2  |0|opcode| reserved      |            | ver 2  |1|opcode| resvd  | result |
//     +--------+--------+---------------+            +--------+--------+--------+--------+
//     | requested lifetime, s (4)       |            | lifetime, s (4)                   |
//     | client's address (16)           |            | epoch, s (4) | reserved (12)      |
//     +---------------------------------+            +-----------------------------------+
//
//     MAP, in both (section 11.1): nonce (12) | protocol (1) | reserved (3) | internal port (2) |
//                                  external port (2) | external address (16)
//
// Addresses are IPv6; an IPv4 address is mapped (::ffff:a.b.c.d).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nat/port_mapping.hpp"

namespace chuantou::nat {

/// "Every PCP message is at most 1,100 octets" (section 7).
inline constexpr std::size_t kMaxPcpMessage = 1100;

/// Section 7.4; those that we tell apart.
enum class PcpResult : std::uint8_t {
  success = 0,
  unsupportedVersion = 1,
  notAuthorized = 2,
  malformedRequest = 3,
  unsupportedOpcode = 4,
  networkFailure = 7,
  noResources = 8,
  addressMismatch = 12,
};

using PcpNonce = std::array<std::uint8_t, 12>;

struct PcpMap {
  PcpNonce nonce{};  ///< who asks for the same port with another nonce is somebody else
  Transport transport = Transport::udp;
  std::uint16_t internalPort = 0;
  ExternalEndpoint external;  ///< in a request: what we would like; port 0 and 0.0.0.0: whatever there is
  bool operator==(const PcpMap&) const = default;
};

struct PcpReply {
  PcpResult result = PcpResult::success;
  std::chrono::seconds lifetime{0};  ///< of the mapping; in an error: how long the gateway's mind will stay the same
  std::uint32_t epoch = 0;           ///< seconds since the gateway lost what it knew; section 8.5
  std::optional<PcpMap> map;         ///< nothing: ANNOUNCE
};

std::vector<std::uint8_t> encodePcpAnnounce(const IpAddress& client);
/// A lifetime of 0 removes the mapping.
std::vector<std::uint8_t> encodePcpMap(const PcpMap& map, std::chrono::seconds lifetime, const IpAddress& client);

/// A gateway's answer, or what it announces unasked. Nothing for other versions, opcodes, requests, and what is too
/// short, too long or no multiple of four (section 8.3).
std::optional<PcpReply> decodePcpReply(std::span<const std::uint8_t> datagram);

}  // namespace chuantou::nat
