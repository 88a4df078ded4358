#include "engine/nat/nat_report.hpp"

#include <algorithm>

namespace chuantou::engine {

namespace {

void makeCertain(NatFamilyReport& report, const std::string& field) {
  report.uncertain.erase(std::remove(report.uncertain.begin(), report.uncertain.end(), field), report.uncertain.end());
}

const nat::ServerFinding* findingOf(const NatEvidence& evidence, const UdpAddress& address) {
  const auto& findings = address.ip.isV6() ? evidence.v6 : evidence.v4;
  if (!findings) return nullptr;
  const auto it = std::find_if(findings->servers.begin(), findings->servers.end(),
                               [&](const nat::ServerFinding& f) { return f.address == address; });
  return it == findings->servers.end() ? nullptr : &*it;
}

std::vector<StunServerReport> serversOf(const NatEvidence& evidence) {
  std::vector<StunServerReport> out;
  for (const NatEvidence::Server& server : evidence.servers) {
    if (server.addresses.empty()) out.push_back({server.text, {}});
    for (const UdpAddress& address : server.addresses) {
      StunServerReport row{server.text, address.str()};
      if (const auto* finding = findingOf(evidence, address)) {
        row.answered = finding->answered;
        row.refused = finding->refused;
        row.rtt = std::chrono::duration_cast<std::chrono::microseconds>(finding->rtt);
        row.behaviorDiscovery = finding->behaviorDiscovery;
      }
      out.push_back(row);
    }
  }
  return out;
}

/// A router that names its own public address shows whether it is the one that the world sees.
void judgeSecondNat(NatFamilyReport& report, const net::PortMapProbe& router) {
  const bool translated = report.mapping != NatBehavior::none && !report.publicAddresses.empty();
  if (!router.externalAddress || !translated) return;
  if (router.externalAddress->isV6() || *router.externalAddress == IpAddress{}) return;
  const auto& pool = report.publicAddresses;
  report.doubleNat = std::find(pool.begin(), pool.end(), router.externalAddress->str()) == pool.end();
  makeCertain(report, "doubleNat");
}

/// UDP is blocked for sure where the same hosts are reached by TCP.
bool isBlocked(const NatEvidence& evidence) {
  const bool reached = std::any_of(evidence.relays.begin(), evidence.relays.end(), [](const RelayReport& r) { return r.reachable; });
  const auto refused = [](const std::optional<nat::Findings>& findings) {
    return findings && std::any_of(findings->servers.begin(), findings->servers.end(), [](const nat::ServerFinding& f) { return f.refused; });
  };
  return reached && !refused(evidence.v4) && !refused(evidence.v6);
}

PortMappingReport portMappingOf(const net::PortMapProbe& router) {
  PortMappingReport out;
  out.available = router.available();
  for (const nat::MapProtocol protocol : router.protocols) out.protocols.emplace_back(nat::nameOf(protocol));
  if (router.gateway) out.gateway = router.gateway->str();
  if (router.externalAddress) out.externalAddress = router.externalAddress->str();
  return out;
}

}  // namespace

NatReport reportOf(const NatEvidence& evidence) {
  NatReport out;
  if (evidence.v4) out.ipv4 = evidence.v4->report;
  if (evidence.v6) out.ipv6 = evidence.v6->report;
  if (out.ipv4 && evidence.router) judgeSecondNat(*out.ipv4, *evidence.router);
  const bool blocked = isBlocked(evidence);
  for (auto* family : {&out.ipv4, &out.ipv6}) {
    if (!*family || (*family)->udp || !blocked) continue;
    makeCertain(**family, "type");
    makeCertain(**family, "udp");
  }
  NatFamilyReport& main = out;
  if (out.ipv4 && (out.ipv4->udp || !out.ipv6 || !out.ipv6->udp)) {
    main = *out.ipv4;
  } else if (out.ipv6) {
    main = *out.ipv6;
  } else {  // nobody could even be sent to
    main.type = NatType::udp_blocked;
    if (!blocked) main.uncertain = {"type", "udp"};
  }
  out.servers = serversOf(evidence);
  out.relays = evidence.relays;
  if (evidence.router) out.portMapping = portMappingOf(*evidence.router);
  return out;
}

}  // namespace chuantou::engine
