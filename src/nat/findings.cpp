// What a detection has learned so far.
#include <algorithm>

#include "nat/detection.hpp"

namespace chuantou::nat {

namespace {
constexpr std::size_t kMappingSocket = 0;
constexpr std::size_t kPortSocket = 3;
}  // namespace

/// Those that can be compared: of servers outside if there is one, and sent from one of this machine's addresses.
std::vector<Sighting> NatDetection::mappingSightings() const {
  std::vector<Sighting> out;
  const auto isInsideServer = [](const Sighting& s) { return isInside(s.server.ip) || isCarrier(s.server.ip); };
  const bool outside = std::any_of(sightings_.begin(), sightings_.end(), [&](const Sighting& s) { return !isInsideServer(s); });
  for (const Sighting& s : sightings_) {
    if (s.socket != kMappingSocket || (outside && isInsideServer(s))) continue;
    if (out.empty() || s.local.ip == out.front().local.ip) out.push_back(s);
  }
  return out;
}

/// In the order of their sockets, in which the first questions were sent.
std::vector<Sighting> NatDetection::portSightings() const {
  std::vector<Sighting> out;
  for (const Sighting& s : sightings_) {
    if (s.socket >= kPortSocket) out.push_back(s);
  }
  std::sort(out.begin(), out.end(), [](const Sighting& a, const Sighting& b) { return a.socket < b.socket; });
  return out;
}

Judged NatDetection::mapping() const { return judgeMapping(mappingSightings()); }

/// The mapping socket has heard from there, so that the server does answer from there.
bool NatDetection::isAlive(const UdpAddress& address, bool anyPort) const {
  return std::any_of(sightings_.begin(), sightings_.end(), [&](const Sighting& s) {
    return s.socket == kMappingSocket && s.server.ip == address.ip && (anyPort || s.server.port == address.port);
  });
}

Judged NatDetection::filtering() const {
  Passed address = Passed::unknown;
  Passed port = Passed::unknown;
  const auto merge = [](Passed& into, Passed one, bool alive) {
    if (one == Passed::yes || (one == Passed::no && alive && into == Passed::unknown)) into = one;
  };
  for (const FilterTest& filter : filters_) {
    if (!filter.settled() && !done_) continue;
    merge(address, filter.fromOtherAddress(), isAlive(filter.other(), true));
    merge(port, filter.fromOtherPort(), isAlive({filter.server().ip, filter.other().port}, false));
  }
  return judgeFiltering(address, port);
}

Findings NatDetection::findings() const {
  Findings out;
  for (const Server& server : servers_) {
    const Query& query = queries_[server.query];
    out.servers.push_back({server.address, query.hasAnswer(), query.wasRefused(), query.rtt(), server.other.has_value()});
  }
  NatFamilyReport& r = out.report;
  const auto uncertain = [&](const char* field) { r.uncertain.emplace_back(field); };
  r.udp = !sightings_.empty();
  if (!r.udp) {
    r.type = NatType::udp_blocked;
    // An ICMP answer shows that datagrams leave; without one the servers may also be dead.
    uncertain("type");
    uncertain("udp");
    return out;
  }
  const std::vector<Sighting> seen = mappingSightings();
  const Judged map = judgeMapping(seen);
  const Judged filter = filtering();
  const JudgedType type = judgeType(map, filter);
  const std::vector<Sighting> ports = portSightings();
  const JudgedPorts given = judgePorts(ports);
  const bool none = map.behavior == NatBehavior::none;
  r.type = type.type;
  r.mapping = map.behavior;
  r.filtering = filter.behavior;
  r.portAllocation = given.allocation;
  r.portStep = given.step;
  if (hairpin_ && hairpin_->settled()) r.hairpin = hairpin_->passed();
  const HopTest::Verdict hops = hops_ ? hops_->verdict() : HopTest::Verdict{};
  r.doubleNat = none ? std::optional{false} : hops.secondNat;
  r.firewall = none && (filter.behavior == NatBehavior::address_dependent ||
                        filter.behavior == NatBehavior::address_and_port_dependent);
  if (!seen.empty()) {
    r.publicAddress = seen.front().mapped.str();
    r.localAddress = seen.front().local.str();
  }
  std::vector<Sighting> all = seen;
  all.insert(all.end(), ports.begin(), ports.end());
  for (const IpAddress& address : poolOf(all)) r.publicAddresses.push_back(address.str());

  if (!type.certain) uncertain("type");
  if (!map.certain) uncertain("mapping");
  if (!filter.certain) uncertain("filtering");
  if (!given.certain) uncertain("portAllocation");
  if (!r.hairpin) uncertain("hairpin");
  if (!none && (!r.doubleNat || !hops.certain)) uncertain("doubleNat");
  if (none && filter.behavior == NatBehavior::unknown) uncertain("firewall");
  return out;
}

}  // namespace chuantou::nat
