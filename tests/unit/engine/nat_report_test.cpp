#include "engine/nat/nat_report.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace chuantou;
using namespace chuantou::engine;

namespace {

UdpAddress at(const char* ip, std::uint16_t port = 3478) { return {*IpAddress::parse(ip), port}; }

nat::Findings translated(bool v6 = false) {
  nat::Findings out;
  out.report.udp = true;
  out.report.type = NatType::port_restricted;
  out.report.mapping = NatBehavior::endpoint_independent;
  out.report.publicAddress = v6 ? "[2001:db8::1]:4000" : "203.0.113.1:4000";
  out.report.publicAddresses = {v6 ? "2001:db8::1" : "203.0.113.1"};
  out.report.uncertain = {"doubleNat"};
  out.servers = {{at(v6 ? "2001:db8::9" : "198.51.100.1"), true, false, std::chrono::milliseconds{3}, true}};
  return out;
}

nat::Findings silent(bool refused = false) {
  nat::Findings out;
  out.report.type = NatType::udp_blocked;
  out.report.uncertain = {"type", "udp"};
  out.servers = {{at("198.51.100.1"), false, refused, {}, false}};
  return out;
}

}  // namespace

TEST_CASE("the family that connections would use stands for the whole", "[engine][nat_report]") {
  NatEvidence evidence;
  evidence.v6 = translated(true);
  CHECK(reportOf(evidence).publicAddress == "[2001:db8::1]:4000");
  evidence.v4 = silent();
  CHECK(reportOf(evidence).publicAddress == "[2001:db8::1]:4000");
  CHECK(reportOf(evidence).ipv4->type == NatType::udp_blocked);
  evidence.v4 = translated();
  CHECK(reportOf(evidence).publicAddress == "203.0.113.1:4000");
  evidence.v6 = silent();
  CHECK(reportOf(evidence).publicAddress == "203.0.113.1:4000");
  evidence.v4 = silent();
  CHECK(reportOf(evidence).type == NatType::udp_blocked);
  const NatReport nothing = reportOf({});
  CHECK(nothing.type == NatType::udp_blocked);
  CHECK_FALSE(nothing.ipv4);
  CHECK(nothing.uncertain.size() == 2);
}

TEST_CASE("a router that names its own address shows a second NAT, or that there is none", "[engine][nat_report]") {
  struct Row {
    const char* external;  ///< nullptr: it does not say
    std::optional<bool> doubleNat;
    bool certain;
  };
  const Row rows[] = {{"203.0.113.1", false, true}, {"100.64.0.7", true, true}, {"192.168.0.2", true, true},
                      {"0.0.0.0", std::nullopt, false}, {nullptr, std::nullopt, false}};
  for (const Row& row : rows) {
    INFO((row.external == nullptr ? "none" : row.external));
    NatEvidence evidence;
    evidence.v4 = translated();
    evidence.router = net::PortMapProbe{};
    if (row.external != nullptr) evidence.router->externalAddress = IpAddress::parse(row.external);
    const NatReport report = reportOf(evidence);
    CHECK(report.doubleNat == row.doubleNat);
    CHECK(report.uncertain.empty() == row.certain);
  }
}

TEST_CASE("UDP is blocked for sure where TCP gets through to the same servers", "[engine][nat_report]") {
  NatEvidence evidence;
  evidence.v4 = silent();
  CHECK(reportOf(evidence).uncertain.size() == 2);
  evidence.relays = {{"ws://198.51.100.1:8200", false, {}}};
  CHECK(reportOf(evidence).uncertain.size() == 2);
  evidence.relays[0].reachable = true;
  CHECK(reportOf(evidence).uncertain.empty());
  CHECK(reportOf(evidence).ipv4->uncertain.empty());
  evidence.v4 = silent(true);  // a datagram has arrived: it was refused
  CHECK(reportOf(evidence).uncertain.size() == 2);
}

TEST_CASE("each server has its row, each of its addresses too", "[engine][nat_report]") {
  NatEvidence evidence;
  evidence.v4 = translated();
  evidence.servers = {{"stun.example", {at("198.51.100.1"), at("2001:db8::9")}}, {"no.such.name", {}}};
  const NatReport report = reportOf(evidence);
  REQUIRE(report.servers.size() == 3);
  CHECK(report.servers[0].answered);
  CHECK(report.servers[0].rtt == std::chrono::milliseconds{3});
  CHECK(report.servers[0].behaviorDiscovery);
  CHECK(report.servers[1].server == "stun.example");
  CHECK_FALSE(report.servers[1].answered);
  CHECK(report.servers[2].address.empty());
}
