#include "nat/lifetime_test.hpp"

#include <catch2/catch.hpp>

#include "nat/nat_simulator.hpp"

using namespace chuantou;
using namespace chuantou::nat;
using namespace chuantou::nat::test;
using namespace std::chrono_literals;

namespace {

struct Measured {
  std::optional<LifetimeTest::Lifetime> lifetime;
  Duration took{0};
  std::size_t probes = 0;
};

Measured measure(const NetworkModel& model, std::chrono::seconds longest, std::uint64_t seed = 1) {
  SimNetwork network{model, seed};
  LifetimeTest test{network.now(), model.servers[0].primary, longest};
  REQUIRE(test.sockets() <= LifetimeTest::kMaxRungs + 1);
  network.onHeard = [&](const SimNetwork::Heard& heard) {
    if (heard.isRequest) return test.handleArrival(network.now(), heard.probe.id, heard.socket);
    if (heard.isError) return test.handleErrorResponse(network.now(), heard.probe.id);
    test.handleAnswer(network.now(), {heard.probe.id, heard.socket, heard.from, *heard.mapped, network.local(heard.socket), heard.other});
  };
  network.onError = [&](const ProbeError& error) { test.handleError(network.now(), error); };
  Measured out;
  while (!test.done()) {
    while (const auto probe = test.pollSend()) {
      network.send(*probe);
      ++out.probes;
    }
    if (test.done()) break;
    REQUIRE(test.pollTimeout() != kNever);
    network.step(test.pollTimeout());
    test.handleTimeout(network.now());
  }
  out.lifetime = test.lifetime();
  out.took = network.now() - TimePoint{};
  return out;
}

}  // namespace

TEST_CASE("how long a mapping lives", "[nat]") {
  struct Row {
    std::chrono::milliseconds lifetime;
    std::chrono::seconds longest;
    std::chrono::seconds atLeast;
    std::chrono::seconds below;
  };
  const Row rows[] = {{3'000ms, 60s, 0s, 5s},     {12'000ms, 60s, 10s, 15s},   {31'000ms, 60s, 30s, 35s}, {62'000ms, 60s, 60s, 0s},
                      {125'000ms, 300s, 120s, 150s}, {3'600'000ms, 300s, 300s, 0s}, {31'000ms, 20s, 20s, 0s},  {31'000ms, 1s, 1s, 0s}};
  for (const Row& row : rows) {
    for (const NatBehavior mapping : {NatBehavior::endpoint_independent, NatBehavior::address_and_port_dependent}) {
      for (const double loss : {0.0, 0.05}) {
        INFO(row.lifetime.count() << " ms, waiting " << row.longest.count() << " s, " << toString(mapping) << ", loss " << loss);
        NetworkModel network;
        network.nats = {NatModel{}};
        network.nats[0].mapping = mapping;
        network.nats[0].lifetime = row.lifetime;
        network.loss = loss;
        const Measured measured = measure(network, row.longest);
        REQUIRE(measured.lifetime);
        CHECK(measured.lifetime->atLeast == row.atLeast);
        CHECK(measured.lifetime->below == row.below);
        CHECK(measured.took < std::min<Duration>(row.longest, row.lifetime + 30s) + 5s);
        CHECK(measured.probes < 300);
      }
    }
  }
}

TEST_CASE("a mapping's life without RESPONSE-PORT", "[nat]") {
  using ResponsePort = ServerModel::ResponsePort;
  for (const ResponsePort server : {ResponsePort::ignored, ResponsePort::refused, ResponsePort::unanswered}) {
    for (const PortAllocation ports : {PortAllocation::preserving, PortAllocation::sequential, PortAllocation::random}) {
      NetworkModel network;
      network.nats = {NatModel{}};
      network.nats[0].lifetime = 31s;
      network.nats[0].ports = ports;
      network.servers[0].responsePort = server;
      INFO(static_cast<int>(server) << ", " << toString(ports));
      const Measured measured = measure(network, 60s);
      if (ports == PortAllocation::preserving) {
        CHECK_FALSE(measured.lifetime);  // the same port again: nobody can tell
      } else {
        REQUIRE(measured.lifetime);
        CHECK(measured.lifetime->atLeast == 30s);
        CHECK(measured.lifetime->below == 35s);
      }
    }
  }
}

TEST_CASE("a server that goes away leaves the lifetime open", "[nat]") {
  NetworkModel network;
  network.nats = {NatModel{}};
  network.servers[0].dead = true;
  const Measured measured = measure(network, 60s);
  CHECK_FALSE(measured.lifetime);
  CHECK(measured.took < 10s);
}
