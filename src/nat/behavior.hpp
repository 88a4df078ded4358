// From observations to what they mean: RFC 4787's behaviours and RFC 3489's names. Pure functions.
#pragma once

#include <span>
#include <vector>

#include "base/udp_address.hpp"
#include "chuantou/nat_detector.hpp"

namespace chuantou::nat {

/// One mapping as a server saw it.
struct Sighting {
  std::size_t socket = 0;
  UdpAddress local;
  UdpAddress server;
  UdpAddress mapped;
};

struct Judged {
  NatBehavior behavior = NatBehavior::unknown;
  bool certain = false;  ///< false: there are other explanations of what was seen
};

/// Of one socket's mappings towards different servers. Two addresses and two ports of one of them decide; with less the
/// likeliest is named and marked.
Judged judgeMapping(std::span<const Sighting> sightings);

enum class Passed { unknown, yes, no };
/// Whether answers came from another address, and from another port of the same address, than the one that was sent to.
Judged judgeFiltering(Passed fromOtherAddress, Passed fromOtherPort);

struct JudgedType {
  NatType type = NatType::unknown;
  bool certain = false;
};
/// Of a network where UDP passes.
JudgedType judgeType(const Judged& mapping, const Judged& filtering);

struct JudgedPorts {
  PortAllocation allocation = PortAllocation::unknown;
  int step = 0;
  bool certain = false;
};
/// Of new mappings, each of another socket, in the order in which they were made.
JudgedPorts judgePorts(std::span<const Sighting> sightings);

/// The different public addresses, in the order of their appearance.
std::vector<IpAddress> poolOf(std::span<const Sighting> sightings);

/// An address that means something on this side of a NAT only: loopback, link-local, RFC 1918, RFC 4193.
bool isInside(const IpAddress& address);
/// Shared address space between a carrier's NAT and its customers' (RFC 6598).
bool isCarrier(const IpAddress& address);

}  // namespace chuantou::nat
