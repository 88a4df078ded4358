#include "nat/behavior.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace chuantou::nat {

namespace {

/// Ports of new mappings that lie together like this were not drawn by lot: five of 64,512 do so once in 10^11.
constexpr int kNear = 128;
/// A NAT that counts does so in small steps, also where other machines' connections come in between.
constexpr int kMaxStep = 16;

bool allEqual(std::span<const Sighting> sightings) {
  return std::all_of(sightings.begin(), sightings.end(), [&](const Sighting& s) { return s.mapped == sightings.front().mapped; });
}

/// The most frequent of the differences; of equally frequent ones the smallest.
int commonest(const std::vector<int>& steps, std::size_t& times) {
  std::map<int, std::size_t> counts;
  for (const int step : steps) ++counts[step];
  int best = 0;
  times = 0;
  for (const auto& [step, count] : counts) {
    if (count > times) std::tie(best, times) = std::tie(step, count);
  }
  return best;
}

std::vector<int> differences(const std::vector<int>& numbers) {
  std::vector<int> out;
  for (std::size_t i = 1; i < numbers.size(); ++i) out.push_back(numbers[i] - numbers[i - 1]);
  return out;
}

}  // namespace

Judged judgeMapping(std::span<const Sighting> sightings) {
  if (sightings.empty()) return {};
  if (std::all_of(sightings.begin(), sightings.end(), [](const Sighting& s) { return s.mapped == s.local; })) {
    return {NatBehavior::none, true};
  }
  if (sightings.size() == 1) return {};
  const auto sameAddress = [](const Sighting& a, const Sighting& b) {
    return a.server.ip == b.server.ip && a.server.port != b.server.port;
  };
  bool otherAddress = false;  // two addresses were asked
  bool otherPort = false;     // two ports of one address were
  bool byPort = false;        // … and the mapping differs
  for (const Sighting& a : sightings) {
    for (const Sighting& b : sightings) {
      if (a.server.ip != b.server.ip) otherAddress = true;
      if (!sameAddress(a, b)) continue;
      otherPort = true;
      if (a.mapped != b.mapped) byPort = true;
    }
  }
  if (byPort) return {NatBehavior::address_and_port_dependent, true};
  // One address and two of its ports: a mapping for each address would look the same, but is rare.
  if (allEqual(sightings)) return {NatBehavior::endpoint_independent, otherAddress};
  return otherPort ? Judged{NatBehavior::address_dependent, true} : Judged{NatBehavior::address_and_port_dependent, false};
}

Judged judgeFiltering(Passed fromOtherAddress, Passed fromOtherPort) {
  if (fromOtherAddress == Passed::yes) return {NatBehavior::endpoint_independent, true};
  if (fromOtherPort == Passed::no) return {NatBehavior::address_and_port_dependent, true};
  if (fromOtherPort == Passed::yes) return {NatBehavior::address_dependent, fromOtherAddress == Passed::no};
  // Not everybody is let in: by port as well, as nearly all who filter do.
  if (fromOtherAddress == Passed::no) return {NatBehavior::address_and_port_dependent, false};
  return {};
}

JudgedType judgeType(const Judged& mapping, const Judged& filtering) {
  switch (mapping.behavior) {
    case NatBehavior::none:
      return {NatType::none, true};
    case NatBehavior::address_dependent:
    case NatBehavior::address_and_port_dependent:
      return {NatType::symmetric, true};  // whichever of the two it is
    case NatBehavior::endpoint_independent:
      break;
    case NatBehavior::unknown:
      return {};
  }
  const bool certain = mapping.certain && filtering.certain;
  if (filtering.behavior == NatBehavior::endpoint_independent) return {NatType::full_cone, certain};
  if (filtering.behavior == NatBehavior::address_dependent) return {NatType::restricted, certain};
  // Where the filter is not known the most common one is named, which also promises least.
  return {NatType::port_restricted, certain};
}

JudgedPorts judgePorts(std::span<const Sighting> sightings) {
  const auto preserved = static_cast<std::size_t>(std::count_if(
      sightings.begin(), sightings.end(), [](const Sighting& s) { return s.mapped.port == s.local.port; }));
  // One of them may have found its port taken by another machine.
  if (preserved >= 1 && preserved + 1 >= sightings.size()) return {PortAllocation::preserving, 0, preserved >= 2};
  if (sightings.size() < 3) return {};
  std::vector<int> ports;
  for (const Sighting& s : sightings) ports.push_back(s.mapped.port);
  const std::vector<int> inOrder = differences(ports);
  std::sort(ports.begin(), ports.end());
  // A datagram that was lost and sent again comes out of order: the distances tell the step, the order its sign.
  const std::vector<int> distances = differences(ports);
  std::size_t times = 0;
  const int step = commonest(distances, times);
  const auto rising = std::count_if(inOrder.begin(), inOrder.end(), [](int d) { return d > 0 && d <= kNear; });
  const auto falling = std::count_if(inOrder.begin(), inOrder.end(), [](int d) { return d < 0 && d >= -kNear; });
  const bool near = ports.back() - ports.front() <= kNear;
  // A counter that began anew in between leaves one large distance among equal small ones.
  const bool regular = times >= 2 && 2 * times >= distances.size() && step != 0 && step <= kMaxStep;
  if (near || regular) return {PortAllocation::sequential, falling > rising ? -step : step, true};
  return {PortAllocation::random, 0, true};
}

std::vector<IpAddress> poolOf(std::span<const Sighting> sightings) {
  std::vector<IpAddress> pool;
  for (const Sighting& s : sightings) {
    if (std::find(pool.begin(), pool.end(), s.mapped.ip) == pool.end()) pool.push_back(s.mapped.ip);
  }
  return pool;
}

bool isInside(const IpAddress& address) {
  static const IpBlock kBlocks[] = {
      {IpAddress{IpAddress::V4{10, 0, 0, 0}}, 8},
      {IpAddress{IpAddress::V4{172, 16, 0, 0}}, 12},
      {IpAddress{IpAddress::V4{192, 168, 0, 0}}, 16},
      {IpAddress{IpAddress::V6{0xfc}}, 7},
  };
  const AddressKind kind = kindOf(address);
  if (kind == AddressKind::loopback || kind == AddressKind::linkLocal) return true;
  return std::any_of(std::begin(kBlocks), std::end(kBlocks), [&](const IpBlock& block) { return block.contains(address); });
}

bool isCarrier(const IpAddress& address) {
  static const IpBlock kShared{IpAddress{IpAddress::V4{100, 64, 0, 0}}, 10};
  return kShared.contains(address);
}

}  // namespace chuantou::nat
