// What stands between this machine and the Internet, and what that means for direct connections.
//
// The detector asks STUN servers (RFC 8489, RFC 5780) from sockets of its own. It needs no chuantou server: any STUN
// server will do; one with two addresses (`cts run --stun-alt-address`, coturn) lets it tell everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chuantou/error.hpp"
#include "chuantou/log.hpp"

namespace chuantou {

namespace detail {
class NatDetectorImpl;
}

/// The classic names (RFC 3489), of what `mapping` and `filtering` say together.
enum class NatType {
  unknown,          ///< UDP passes, but there was too little to go by
  none,             ///< this machine's own address is its public one; see `firewall`
  full_cone,        ///< who knows the public address reaches this machine
  restricted,       ///< only hosts that were sent something
  port_restricted,  ///< only host and port that were sent something
  symmetric,        ///< another public port for every destination
  udp_blocked,      ///< no answer to any datagram
};

/// How a NAT maps, and what it lets in (RFC 4787, sections 4.1 and 5).
enum class NatBehavior {
  unknown,
  none,                        ///< no mapping: there is no NAT
  endpoint_independent,        ///< mapping: one public port for all destinations; filtering: everybody is let in
  address_dependent,           ///< a mapping for each remote address; let in is who was sent something
  address_and_port_dependent,  ///< for each remote address and port
};

/// Which public port a new mapping gets.
enum class PortAllocation {
  unknown,
  preserving,  ///< the same as inside
  sequential,  ///< one after the other, by `portStep`
  random,
};

/// "port-restricted", "endpoint-independent", "sequential": the names that ctc netcheck --json uses.
const char* toString(NatType type) noexcept;
const char* toString(NatBehavior behavior) noexcept;
const char* toString(PortAllocation allocation) noexcept;

/// What was learned with one address family. Addresses are "192.0.2.1:4000" and "[2001:db8::1]:4000".
struct NatFamilyReport {
  bool udp = false;  ///< an answer came
  NatType type = NatType::unknown;
  NatBehavior mapping = NatBehavior::unknown;
  NatBehavior filtering = NatBehavior::unknown;
  PortAllocation portAllocation = PortAllocation::unknown;
  int portStep = 0;                             ///< of sequential allocation
  std::optional<bool> hairpin;                  ///< whether machines behind this NAT reach each other's public addresses
  std::optional<bool> doubleNat;                ///< whether there is another NAT behind this network's
  bool firewall = false;                        ///< no NAT, but not everybody is let in
  std::string publicAddress;                    ///< as the servers saw one socket of the detector
  std::string localAddress;                     ///< the same socket, as this machine sees it
  std::vector<std::string> publicAddresses;     ///< every public IP address that was seen (without ports)
  /// Names of the fields above whose value is a guess, or that could not be found out.
  std::vector<std::string> uncertain;
};

struct StunServerReport {
  std::string server;   ///< as it was given
  std::string address;  ///< what it was resolved to; empty: it was not
  bool answered = false;
  std::chrono::microseconds rtt{0};
  bool behaviorDiscovery = false;  ///< has a second address or port to ask from (RFC 5780)
};

/// How a server is reached by TCP: what relayed connections use.
struct RelayReport {
  std::string url;
  bool reachable = false;
  std::chrono::microseconds latency{0};  ///< one TCP handshake
};

/// What the router does about opening a port for us.
struct PortMappingReport {
  bool available = false;
  std::string protocol;         ///< "upnp", "nat-pmp", "pcp"; empty: none
  std::string externalAddress;  ///< the router's own public address; empty: it did not say
};

/// The fields of the base are those of the family that connections would use: IPv4 where it was answered, else IPv6.
struct NatReport : NatFamilyReport {
  NatFamilyReport ipv4;
  NatFamilyReport ipv6;
  std::vector<StunServerReport> servers;
  std::vector<RelayReport> relays;
  std::optional<PortMappingReport> portMapping;  ///< empty: was not asked for
  /// How long an idle mapping lives, between these two; empty: was not measured. `over`: longer than was waited.
  struct Lifetime {
    std::chrono::seconds atLeast{0};
    std::chrono::seconds below{0};  ///< 0: longer than was waited for
  };
  std::optional<Lifetime> mappingLifetime;
  std::chrono::system_clock::time_point timestamp{};  ///< when the detection ended
  std::chrono::milliseconds duration{0};
};

}  // namespace chuantou
