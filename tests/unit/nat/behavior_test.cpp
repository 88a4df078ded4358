#include "nat/behavior.hpp"

#include <catch2/catch.hpp>

#include "nat/nat_simulator.hpp"

using namespace chuantou;
using namespace chuantou::nat;
using nat::test::at;
using nat::test::ip;

namespace {

constexpr auto kUnknown = NatBehavior::unknown;
constexpr auto kNone = NatBehavior::none;
constexpr auto kIndependent = NatBehavior::endpoint_independent;
constexpr auto kByAddress = NatBehavior::address_dependent;
constexpr auto kByPort = NatBehavior::address_and_port_dependent;

Sighting seen(const char* server, const char* mapped, const char* local = "192.168.1.10:4000") {
  return {0, at(local), at(server), at(mapped)};
}

}  // namespace

TEST_CASE("how a NAT maps, from what servers saw", "[nat]") {
  const char* a = "203.0.113.1:5000";
  const char* b = "203.0.113.1:5001";
  const char* c = "203.0.113.1:5002";
  const char* own = "192.168.1.10:4000";
  struct Row {
    const char* name;
    std::vector<Sighting> seen;
    NatBehavior behavior;
    bool certain;
  };
  const Row rows[] = {
      {"nothing", {}, kUnknown, false},
      {"one server", {seen("1.1.1.1:1", a)}, kUnknown, false},
      {"one server, no NAT", {seen("1.1.1.1:1", own)}, kNone, true},
      {"two servers, no NAT", {seen("1.1.1.1:1", own), seen("2.2.2.2:1", own)}, kNone, true},
      {"two addresses, the same", {seen("1.1.1.1:1", a), seen("2.2.2.2:1", a)}, kIndependent, true},
      {"two ports, the same", {seen("1.1.1.1:1", a), seen("1.1.1.1:2", a)}, kIndependent, false},
      {"two ports, different", {seen("1.1.1.1:1", a), seen("1.1.1.1:2", b)}, kByPort, true},
      {"two addresses, different", {seen("1.1.1.1:1", a), seen("2.2.2.2:1", b)}, kByPort, false},
      {"by address", {seen("1.1.1.1:1", a), seen("2.2.2.2:1", b), seen("2.2.2.2:2", b)}, kByAddress, true},
      {"by port", {seen("1.1.1.1:1", a), seen("2.2.2.2:1", b), seen("2.2.2.2:2", c)}, kByPort, true},
      {"another address of a pool", {seen("1.1.1.1:1", a), seen("2.2.2.2:1", "203.0.113.2:5000")}, kByPort, false},
      {"no NAT towards one of them", {seen("1.1.1.1:1", own), seen("2.2.2.2:1", a)}, kByPort, false},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const Judged judged = judgeMapping(row.seen);
    CHECK(judged.behavior == row.behavior);
    CHECK(judged.certain == row.certain);
  }
}

TEST_CASE("what a NAT lets in, from what came through", "[nat]") {
  struct Row {
    Passed address;
    Passed port;
    NatBehavior behavior;
    bool certain;
  };
  const Row rows[] = {
      {Passed::yes, Passed::yes, kIndependent, true},   {Passed::yes, Passed::unknown, kIndependent, true},
      {Passed::no, Passed::yes, kByAddress, true},      {Passed::no, Passed::no, kByPort, true},
      {Passed::no, Passed::unknown, kByPort, false},    {Passed::unknown, Passed::no, kByPort, true},
      {Passed::unknown, Passed::yes, kByAddress, false}, {Passed::unknown, Passed::unknown, kUnknown, false},
  };
  for (const Row& row : rows) {
    const Judged judged = judgeFiltering(row.address, row.port);
    INFO(static_cast<int>(row.address) << " " << static_cast<int>(row.port));
    CHECK(judged.behavior == row.behavior);
    CHECK(judged.certain == row.certain);
  }
}

TEST_CASE("the classic names", "[nat]") {
  struct Row {
    Judged mapping;
    Judged filtering;
    NatType type;
    bool certain;
  };
  const Row rows[] = {
      {{kNone, true}, {kUnknown, false}, NatType::none, true},
      {{kNone, true}, {kByPort, true}, NatType::none, true},
      {{kIndependent, true}, {kIndependent, true}, NatType::full_cone, true},
      {{kIndependent, true}, {kByAddress, true}, NatType::restricted, true},
      {{kIndependent, true}, {kByPort, true}, NatType::port_restricted, true},
      {{kIndependent, false}, {kByPort, true}, NatType::port_restricted, false},
      {{kIndependent, true}, {kUnknown, false}, NatType::port_restricted, false},
      {{kByAddress, true}, {kByAddress, true}, NatType::symmetric, true},
      {{kByPort, true}, {kIndependent, true}, NatType::symmetric, true},
      {{kByPort, false}, {kUnknown, false}, NatType::symmetric, true},
      {{kUnknown, false}, {kByPort, true}, NatType::unknown, false},
  };
  for (const Row& row : rows) {
    const JudgedType judged = judgeType(row.mapping, row.filtering);
    INFO(toString(row.mapping.behavior) << ", " << toString(row.filtering.behavior));
    CHECK(std::string{toString(judged.type)} == toString(row.type));
    CHECK(judged.certain == row.certain);
  }
}

TEST_CASE("which ports a NAT gives", "[nat]") {
  struct Row {
    const char* name;
    std::vector<std::pair<int, int>> ports;  ///< inside, outside
    PortAllocation allocation;
    int step;
    bool certain;
  };
  const Row rows[] = {
      {"nothing", {}, PortAllocation::unknown, 0, false},
      {"one that is kept", {{4000, 4000}}, PortAllocation::preserving, 0, false},
      {"one", {{4000, 5000}}, PortAllocation::unknown, 0, false},
      {"kept", {{4000, 4000}, {4777, 4777}, {5003, 5003}}, PortAllocation::preserving, 0, true},
      {"kept but for one", {{4000, 4000}, {4777, 9000}, {5003, 5003}}, PortAllocation::preserving, 0, true},
      {"by one", {{4000, 100}, {4777, 101}, {5003, 102}, {5900, 103}}, PortAllocation::sequential, 1, true},
      {"by two", {{4000, 100}, {4777, 102}, {5003, 104}, {5900, 106}}, PortAllocation::sequential, 2, true},
      {"down", {{4000, 103}, {4777, 102}, {5003, 101}, {5900, 100}}, PortAllocation::sequential, -1, true},
      {"others in between", {{4000, 100}, {4777, 101}, {5003, 107}, {5900, 108}}, PortAllocation::sequential, 1, true},
      {"one came late", {{4000, 100}, {4777, 104}, {5003, 101}, {5900, 102}, {6001, 103}}, PortAllocation::sequential, 1, true},
      {"around the end", {{4000, 65534}, {4777, 65535}, {5003, 1024}, {5900, 1025}}, PortAllocation::sequential, 1, true},
      {"by lot", {{4000, 61000}, {4777, 2000}, {5003, 31000}, {5900, 17000}}, PortAllocation::random, 0, true},
      {"two are not enough", {{4000, 61000}, {4777, 61001}}, PortAllocation::unknown, 0, false},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    std::vector<Sighting> sightings;
    for (const auto& [inside, outside] : row.ports) {
      sightings.push_back({sightings.size(), {ip("192.168.1.10"), static_cast<std::uint16_t>(inside)}, at("1.1.1.1:1"),
                           {ip("203.0.113.1"), static_cast<std::uint16_t>(outside)}});
    }
    const JudgedPorts judged = judgePorts(sightings);
    CHECK(std::string{toString(judged.allocation)} == toString(row.allocation));
    CHECK(judged.step == row.step);
    CHECK(judged.certain == row.certain);
  }
}

TEST_CASE("addresses of this side", "[nat]") {
  for (const char* text : {"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "127.0.0.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"}) {
    INFO(text);
    CHECK(isInside(ip(text)));
  }
  for (const char* text : {"9.255.255.255", "172.32.0.0", "192.169.0.1", "100.64.0.1", "198.51.100.1", "2001:db8::1"}) {
    INFO(text);
    CHECK_FALSE(isInside(ip(text)));
  }
  CHECK(isCarrier(ip("100.64.0.1")));
  CHECK(isCarrier(ip("100.127.255.255")));
  CHECK_FALSE(isCarrier(ip("100.128.0.0")));
}
