#include "nat/detection.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "nat/nat_simulator.hpp"

using namespace chuantou;
using namespace chuantou::nat;
using namespace chuantou::nat::test;
using namespace std::chrono_literals;

namespace {

constexpr auto kIndependent = NatBehavior::endpoint_independent;
constexpr auto kByAddress = NatBehavior::address_dependent;
constexpr auto kByPort = NatBehavior::address_and_port_dependent;
constexpr NatBehavior kBehaviors[] = {kIndependent, kByAddress, kByPort};
constexpr PortAllocation kAllocations[] = {PortAllocation::preserving, PortAllocation::sequential, PortAllocation::random};

bool isUncertain(const Findings& findings, const char* field) {
  const auto& all = findings.report.uncertain;
  return std::find(all.begin(), all.end(), field) != all.end();
}

NatType typeOf(NatBehavior mapping, NatBehavior filtering) {
  return judgeType({mapping, true}, {filtering, true}).type;
}

struct Condition {
  const char* name;
  double loss;
  Duration delay;
  Duration jitter;
};
constexpr Condition kConditions[] = {
    {"clean", 0, 2ms, 0ms}, {"far", 0, 40ms, 0ms}, {"lossy", 0.05, 20ms, 10ms}, {"far and lossy", 0.05, 40ms, 5ms}};

ServerModel plainServer(const char* address) {
  ServerModel server;
  server.primary = at(address);
  server.other.reset();
  return server;
}

/// What was found otherwise than a model says of its first NAT.
std::vector<std::string> faultsOf(const Findings& findings, const NatModel& nat) {
  const NatFamilyReport& report = findings.report;
  std::vector<std::string> faults;
  const auto compare = [&](const char* what, const auto& found, const auto& expected) {
    if (found != expected) faults.push_back(fmt::format("{} {}, not {}", what, found, expected));
  };
  compare("mapping", std::string{toString(report.mapping)}, toString(nat.mapping));
  compare("filtering", std::string{toString(report.filtering)}, toString(nat.filtering));
  compare("type", std::string{toString(report.type)}, toString(typeOf(nat.mapping, nat.filtering)));
  compare("portAllocation", std::string{toString(report.portAllocation)}, toString(nat.ports));
  if (nat.ports == PortAllocation::sequential) compare("portStep", report.portStep, nat.step);
  compare("udp", report.udp, true);
  compare("firewall", report.firewall, false);
  return faults;
}

void expectAll(const Findings& findings, const NatModel& nat) { CHECK(faultsOf(findings, nat) == std::vector<std::string>{}); }

}  // namespace

TEST_CASE("every kind of NAT is told from every other", "[nat]") {
  const std::uint64_t seed = chuantou::test::testSeed("every kind of NAT");
  std::size_t runs = 0;
  // With 5 % lost each way, about one detection in 10^4 loses nearly all answers to one of its questions: it then says what it does
  // not know, or takes the order in which answers came for the order of ports.
  std::vector<std::string> unlucky;
  for (const Condition& condition : kConditions) {
    for (const NatBehavior mapping : kBehaviors) {
      for (const NatBehavior filtering : kBehaviors) {
        for (const PortAllocation ports : kAllocations) {
          for (const bool hairpin : {false, true}) {
            NatModel nat;
            nat.mapping = mapping;
            nat.filtering = filtering;
            nat.ports = ports;
            nat.step = 1 + static_cast<int>(runs % 3);
            nat.hairpin = hairpin;
            NetworkModel network;
            network.nats = {nat};
            network.loss = condition.loss;
            network.delay = condition.delay;
            network.jitter = condition.jitter;
            const SimRun run = simulate(network, seed + runs++);
            INFO(condition.name << ", " << toString(mapping) << " mapping, " << toString(filtering) << " filtering, " << toString(ports)
                                << (hairpin ? ", hairpin" : "") << ", seed " << seed + runs - 1);
            std::vector<std::string> faults = faultsOf(run.findings, nat);
            // With a mapping for each destination a hairpinned datagram comes from a port that nobody was told, to one that
            // nothing was sent from: only who lets in everybody lets it in.
            const bool reachable = hairpin && (mapping == kIndependent || filtering == kIndependent);
            if (run.findings.report.hairpin != reachable) faults.emplace_back("hairpin");
            if (run.findings.report.doubleNat != false) faults.emplace_back("doubleNat");
            for (const std::string& field : run.findings.report.uncertain) faults.push_back("uncertain " + field);
            if (condition.loss > 0 && !faults.empty()) {
              unlucky.push_back(fmt::format("seed {}: {}", seed + runs - 1, fmt::join(faults, ", ")));
            } else {
              CHECK(faults == std::vector<std::string>{});
            }
            CHECK(run.elapsed < (condition.loss > 0 ? 2'500ms : 1'000ms));
            CHECK(run.probes < 200);
          }
        }
      }
    }
  }
  CAPTURE(unlucky);
  CHECK(unlucky.size() <= 2);
  CHECK(runs == 4 * 54);
}

TEST_CASE("no NAT, with and without a firewall", "[nat]") {
  for (const NatBehavior filtering : kBehaviors) {
    NatModel firewall;
    firewall.mapping = NatBehavior::none;
    firewall.filtering = filtering;
    NetworkModel network;
    network.nats = {firewall};
    network.host = ip("192.0.2.16");
    const SimRun run = simulate(network, 1);
    INFO(toString(filtering));
    CHECK(run.findings.report.type == NatType::none);
    CHECK(run.findings.report.mapping == NatBehavior::none);
    CHECK(std::string{toString(run.findings.report.filtering)} == toString(filtering));
    CHECK(run.findings.report.firewall == (filtering != kIndependent));
    CHECK(run.findings.report.doubleNat == false);
    CHECK(run.findings.report.publicAddress == run.findings.report.localAddress);
    CHECK(run.findings.report.uncertain.empty());
    CHECK(run.elapsed < 1s);
  }
}

TEST_CASE("no UDP at all, and no server at all", "[nat]") {
  NetworkModel network;
  network.nats = {NatModel{}};
  SECTION("blocked") { network.nats[0].blocked = true; }
  SECTION("all servers dead") { network.servers[0].dead = true; }
  const SimRun run = simulate(network, 1);
  CHECK(run.findings.report.type == NatType::udp_blocked);
  CHECK_FALSE(run.findings.report.udp);
  CHECK(isUncertain(run.findings, "type"));
  CHECK(run.elapsed >= 3s);
  CHECK(run.elapsed <= 4s);
  CHECK(run.probes >= 8);
  CHECK_FALSE(run.findings.servers[0].answered);
}

TEST_CASE("a refused question ends the waiting", "[nat]") {
  NetworkModel network;
  network.servers[0].unreachable = true;
  const SimRun run = simulate(network, 1);
  CHECK(run.findings.report.type == NatType::udp_blocked);
  CHECK(run.findings.servers[0].refused);
  CHECK(run.elapsed < 100ms);
}

TEST_CASE("nobody to ask", "[nat]") {
  NetworkModel network;
  network.servers.clear();
  const SimRun run = simulate(network, 1);
  CHECK(run.elapsed == 0ms);
  CHECK(run.findings.report.type == NatType::udp_blocked);
}

TEST_CASE("dead servers in the list cost little", "[nat]") {
  for (const NatBehavior filtering : kBehaviors) {
    NatModel nat;
    nat.filtering = filtering;
    NetworkModel network;
    network.nats = {nat};
    network.servers.clear();
    for (const char* address : {"198.51.100.10:3478", "198.51.100.11:3478", "198.51.100.12:3478"}) {
      network.servers.push_back(plainServer(address));
      network.servers.back().dead = true;
    }
    network.servers.push_back(ServerModel{});
    const SimRun run = simulate(network, 3);
    expectAll(run.findings, nat);
    CHECK(run.findings.report.uncertain.empty());
    CHECK(run.elapsed < 1s);
    CHECK_FALSE(run.findings.servers[0].answered);
    CHECK(run.findings.servers[3].answered);
    CHECK(run.findings.servers[3].behaviorDiscovery);
  }
}

TEST_CASE("one address to ask: what cannot be told is said", "[nat]") {
  for (const NatBehavior mapping : kBehaviors) {
    NetworkModel network;
    network.nats = {NatModel{}};
    network.nats[0].mapping = mapping;
    network.servers = {plainServer("198.51.100.1:3478")};
    const SimRun run = simulate(network, 5);
    CHECK(run.findings.report.udp);
    CHECK(run.findings.report.type == NatType::unknown);
    CHECK(run.findings.report.mapping == NatBehavior::unknown);
    CHECK(run.findings.report.filtering == NatBehavior::unknown);
    for (const char* field : {"type", "mapping", "filtering"}) CHECK(isUncertain(run.findings, field));
    // What one server is enough for.
    CHECK_FALSE(run.findings.report.publicAddress.empty());
    CHECK(run.findings.report.portAllocation == PortAllocation::preserving);
    CHECK(run.findings.report.hairpin == false);
    CHECK(run.findings.report.doubleNat == false);
    CHECK(run.elapsed < 1s);
  }
}

TEST_CASE("one address without a NAT", "[nat]") {
  NetworkModel network;
  network.servers = {plainServer("198.51.100.1:3478")};
  const SimRun run = simulate(network, 5);
  CHECK(run.findings.report.type == NatType::none);
  CHECK_FALSE(isUncertain(run.findings, "type"));
  CHECK(isUncertain(run.findings, "filtering"));
  CHECK(isUncertain(run.findings, "firewall"));
}

TEST_CASE("one address with two ports", "[nat]") {
  struct Row {
    NatBehavior mapping;
    NatBehavior filtering;
    NatType type;
    bool certain;
  };
  const Row rows[] = {{kIndependent, kIndependent, NatType::restricted, false},
                      {kIndependent, kByAddress, NatType::restricted, false},
                      {kIndependent, kByPort, NatType::port_restricted, false},
                      {kByPort, kByPort, NatType::symmetric, true}};
  for (const Row& row : rows) {
    NetworkModel network;
    network.nats = {NatModel{}};
    network.nats[0].mapping = row.mapping;
    network.nats[0].filtering = row.filtering;
    network.servers[0].other = at("198.51.100.1:3479");
    const SimRun run = simulate(network, 7);
    CHECK(std::string{toString(run.findings.report.type)} == toString(row.type));
    CHECK(isUncertain(run.findings, "type") != row.certain);
    CHECK(run.elapsed < 1s);
  }
}

TEST_CASE("two servers without other addresses tell the mapping", "[nat]") {
  struct Row {
    NatBehavior mapping;
    NatType type;
    const char* uncertain;
  };
  const Row rows[] = {{kIndependent, NatType::port_restricted, "type"}, {kByPort, NatType::symmetric, "mapping"}};
  for (const Row& row : rows) {
    NetworkModel network;
    network.nats = {NatModel{}};
    network.nats[0].mapping = row.mapping;
    network.servers = {plainServer("198.51.100.1:3478"), plainServer("198.51.100.2:3478")};
    const SimRun run = simulate(network, 9);
    CHECK(std::string{toString(run.findings.report.type)} == toString(row.type));
    CHECK(isUncertain(run.findings, row.uncertain));
    CHECK(isUncertain(run.findings, "filtering"));
    CHECK(run.elapsed < 1s);
  }
}

TEST_CASE("servers that promise more than they do", "[nat]") {
  NetworkModel network;
  network.nats = {NatModel{}};
  network.nats[0].filtering = kIndependent;
  SECTION("ignores CHANGE-REQUEST") { network.servers[0].change = ServerModel::Change::ignored; }
  SECTION("refuses it") { network.servers[0].change = ServerModel::Change::refused; }
  SECTION("its other address is dead") { network.servers[0].otherDead = true; }
  SECTION("its other address is nobody's") { network.servers[0].namedOther = at("198.51.100.99:9"); }
  const SimRun run = simulate(network, 11);
  INFO(toString(run.findings.report.filtering));
  // What does not come is not taken for filtered.
  if (isUncertain(run.findings, "filtering")) {
    CHECK(run.findings.report.filtering != kByPort);
  } else {
    CHECK(run.findings.report.filtering == kIndependent);
  }
  CHECK(run.elapsed < 2'500ms);
}

TEST_CASE("another server of the list makes up for one", "[nat]") {
  for (const NatBehavior filtering : kBehaviors) {
    NetworkModel network;
    network.nats = {NatModel{}};
    network.nats[0].filtering = filtering;
    network.servers[0].change = ServerModel::Change::unanswered;
    network.servers[0].otherDead = true;
    ServerModel good;
    good.primary = at("198.51.100.10:3478");
    good.other = at("198.51.100.11:3479");
    good.extraDelay = 15ms;
    network.servers.push_back(good);
    const SimRun run = simulate(network, 13);
    CHECK(std::string{toString(run.findings.report.filtering)} == toString(filtering));
    CHECK(run.findings.report.uncertain.empty());
  }
}

TEST_CASE("a server is not followed to addresses that cannot be its own", "[nat]") {
  for (const char* named : {"192.168.1.1:53", "127.0.0.1:22", "224.0.0.1:5353", "169.254.169.254:80", "0.0.0.0:3478", "255.255.255.255:9",
                            "[2001:db8::1]:3478", "198.51.100.7:0"}) {
    INFO(named);
    NetworkModel network;
    network.nats = {NatModel{}};
    const auto parts = parseHostPort(named, 1);
    UdpAddress other{*IpAddress::parse(parts ? parts->host : "198.51.100.7"), parts ? parts->port : std::uint16_t{0}};
    network.servers[0].namedOther = other;
    network.hops = false;
    const SimRun run = simulate(network, 15);
    for (const UdpAddress& to : run.sentTo) {
      CHECK(to.ip != other.ip);
    }
    CHECK(run.findings.report.udp);
  }
}

TEST_CASE("an inside server says nothing about the way out", "[nat]") {
  NetworkModel network;
  network.nats = {NatModel{}};
  ServerModel inside = plainServer("192.168.1.2:3478");
  inside.claims = at("192.168.1.10:1");
  SECTION("while there is another one") {
    // Nearer than the outside ones, and it sees no NAT.
    network.servers.insert(network.servers.begin(), inside);
    network.servers[1].extraDelay = 60ms;
    const SimRun run = simulate(network, 17);
    CHECK(run.findings.report.type == NatType::port_restricted);
    CHECK(run.findings.report.uncertain.empty());
    CHECK(run.findings.servers[0].answered);
    CHECK(run.findings.report.publicAddress.rfind("203.0.113.1:", 0) == 0);
  }
  SECTION("or nobody else answers") {
    network.servers[0].dead = true;
    network.servers.insert(network.servers.begin(), inside);
    const SimRun run = simulate(network, 17);
    CHECK(run.findings.report.udp);
    CHECK(run.findings.servers[0].answered);
    CHECK_FALSE(run.findings.servers[1].answered);
    CHECK(run.elapsed <= 4s);
  }
}

TEST_CASE("several public addresses", "[nat]") {
  NetworkModel network;
  network.nats = {NatModel{}};
  network.nats[0].pool = {ip("203.0.113.1"), ip("203.0.113.2"), ip("203.0.113.3")};
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const SimRun run = simulate(network, seed);
    expectAll(run.findings, network.nats[0]);
    const auto& pool = run.findings.report.publicAddresses;
    CHECK(!pool.empty());
    CHECK(pool.size() <= 3);
    seen.insert(pool.begin(), pool.end());
  }
  CHECK(seen.size() == 3);
}

TEST_CASE("a NAT behind a NAT", "[nat]") {
  const std::uint64_t seed = chuantou::test::testSeed("a NAT behind a NAT");
  std::uint64_t runs = 0;
  for (const NatBehavior innerFilter : kBehaviors) {
    for (const NatBehavior outerMapping : kBehaviors) {
      for (const NatBehavior outerFilter : kBehaviors) {
        for (const bool carrier : {false, true}) {
          NatModel inner;
          inner.filtering = innerFilter;
          inner.pool = {carrier ? ip("100.64.0.7") : ip("10.0.0.7")};
          NatModel outer;
          outer.mapping = outerMapping;
          outer.filtering = outerFilter;
          outer.ports = outerMapping == kIndependent ? PortAllocation::preserving : PortAllocation::random;
          outer.inside = carrier ? ip("100.64.0.1") : ip("10.0.0.1");
          NetworkModel network;
          network.nats = {inner, outer};
          const SimRun run = simulate(network, seed + runs++);
          INFO(toString(innerFilter) << " behind " << toString(outerMapping) << ", " << toString(outerFilter) << ", seed " << seed + runs - 1);
          // Together they filter as the stricter one does.
          const NatBehavior filtering = std::max(innerFilter, outerFilter);
          CHECK(std::string{toString(run.findings.report.mapping)} == toString(outerMapping));
          CHECK(std::string{toString(run.findings.report.filtering)} == toString(filtering));
          CHECK(run.findings.report.doubleNat == true);
          CHECK(isUncertain(run.findings, "doubleNat") != carrier);
          CHECK(run.elapsed < 1s);
        }
      }
    }
  }
}

TEST_CASE("routers that say nothing leave the second NAT open", "[nat]") {
  NetworkModel network;
  network.nats = {NatModel{}};
  network.nats[0].icmp = false;
  const SimRun run = simulate(network, 1);
  CHECK_FALSE(run.findings.report.doubleNat.has_value());
  CHECK(isUncertain(run.findings, "doubleNat"));
}

TEST_CASE("IPv6", "[nat]") {
  NatModel firewall;
  firewall.mapping = NatBehavior::none;
  NetworkModel network;
  network.nats = {firewall};
  network.host = ip("2001:db8:1::10");
  network.servers[0].primary = at("[2001:db8:2::1]:3478");
  network.servers[0].other = at("[2001:db8:2::2]:3479");
  network.hops = false;
  const SimRun run = simulate(network, 1);
  CHECK(run.findings.report.type == NatType::none);
  CHECK(run.findings.report.firewall);
  CHECK(run.findings.report.publicAddress.rfind("[2001:db8:1::10]:", 0) == 0);
}

TEST_CASE("heavy loss, long ways and slow names still end in time", "[nat]") {
  const std::uint64_t seed = chuantou::test::testSeed("heavy loss");
  std::size_t heard = 0;  // in one of 10^5 all questions or their answers are lost
  std::size_t right = 0;
  for (std::uint64_t i = 0; i < 60; ++i) {
    NetworkModel network;
    network.nats = {NatModel{}};
    network.nats[0].filtering = kBehaviors[i % 3];
    network.loss = 0.2;
    network.delay = std::chrono::milliseconds{10 * (i % 30)};
    network.jitter = 30ms;
    network.resolving = std::chrono::milliseconds{20 * (i % 20)};
    const SimRun run = simulate(network, seed + i);
    INFO("seed " << seed + i);
    CHECK(run.elapsed <= 4s);
    if (run.findings.report.udp) ++heard;
    if (run.findings.report.filtering == network.nats[0].filtering) ++right;
  }
  CHECK(heard >= 59);
  CHECK(right >= 50);
}

TEST_CASE("5 % loss is rarely taken for a filter", "[nat]") {
  const std::uint64_t seed = chuantou::test::testSeed("5 % loss");
  std::size_t wrong = 0;
  constexpr std::size_t kRuns = 1500;
  for (std::uint64_t i = 0; i < kRuns; ++i) {
    NetworkModel network;
    network.nats = {NatModel{}};
    network.nats[0].filtering = kBehaviors[i % 3];
    network.nats[0].hairpin = i % 2 == 0;
    network.loss = 0.05;
    const SimRun run = simulate(network, seed + i);
    const NatFamilyReport& report = run.findings.report;
    if (report.filtering != network.nats[0].filtering || report.mapping != kIndependent || report.hairpin != network.nats[0].hairpin) ++wrong;
  }
  INFO("seed " << seed);
  CHECK(wrong <= 1);
}

TEST_CASE("a network that says nothing right", "[nat]") {
  // Answers that were not asked for, from elsewhere, with other people's addresses, change nothing.
  NatDetection detection{TimePoint{}, {}};
  detection.addServer(TimePoint{}, at("198.51.100.1:3478"));
  detection.noMoreServers(TimePoint{});
  const auto probe = detection.pollSend();
  REQUIRE(probe);
  const UdpAddress local = at("192.168.1.10:4000");
  const UdpAddress mapped = at("203.0.113.1:4000");
  const ProbeAnswer wrong[] = {
      {999, 0, at("198.51.100.1:3478"), mapped, local, {}},                 // no such probe
      {probe->id, 1, at("198.51.100.1:3478"), mapped, local, {}},           // another socket
      {probe->id, 0, at("198.51.100.2:3478"), mapped, local, {}},           // another address
      {probe->id, 0, at("198.51.100.1:3479"), mapped, local, {}},           // another port
      {probe->id, 0, at("198.51.100.1:3478"), at("203.0.113.1:4000"), local, {}},
  };
  for (std::size_t i = 0; i < 4; ++i) {
    detection.handleAnswer(TimePoint{} + 1ms, wrong[i]);
    CHECK_FALSE(detection.findings().report.udp);
  }
  for (const char* nonsense : {"224.0.0.1:1", "0.0.0.0:1", "255.255.255.255:1"}) {
    ProbeAnswer answer = wrong[4];
    answer.mapped = at(nonsense);
    detection.handleAnswer(TimePoint{} + 1ms, answer);
    CHECK_FALSE(detection.findings().report.udp);
  }
  ProbeAnswer otherFamily = wrong[4];
  otherFamily.mapped = at("[2001:db8::1]:1");
  detection.handleAnswer(TimePoint{} + 1ms, otherFamily);
  CHECK_FALSE(detection.findings().report.udp);
  detection.handleAnswer(TimePoint{} + 1ms, wrong[4]);
  CHECK(detection.findings().report.udp);
}
