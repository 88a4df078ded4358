// What a gateway forwards to this machine, whatever the protocol that asked for it.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/ip_address.hpp"

namespace chuantou::nat {

enum class Transport { udp, tcp };

/// PCP (RFC 6887), NAT-PMP (RFC 6886), UPnP's WANIPConnection: in the order in which we prefer them.
enum class MapProtocol { pcp, natPmp, upnpIgd };

/// "pcp", "nat-pmp", "upnp-igd"
constexpr const char* nameOf(MapProtocol protocol) {
  return protocol == MapProtocol::pcp ? "pcp" : protocol == MapProtocol::natPmp ? "nat-pmp" : "upnp-igd";
}

/// Where PCP and NAT-PMP gateways are asked (RFC 6887, section 19.1), and where they announce that they have restarted.
inline constexpr std::uint16_t kGatewayPort = 5351;
inline constexpr std::uint16_t kGatewayAnnouncePort = 5350;

struct ExternalEndpoint {
  IpAddress address;
  std::uint16_t port = 0;
  bool operator==(const ExternalEndpoint&) const = default;
};

}  // namespace chuantou::nat
