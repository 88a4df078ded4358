// Client::pingUdp(): everything in one process, over loopback, through the public API.
#include <catch2/catch.hpp>

#include <chrono>
#include <future>
#include <optional>
#include <thread>

#include "chuantou/chuantou.hpp"

using namespace chuantou;
using namespace std::chrono_literals;

namespace {

struct Lab {
  Lab() : server{[] {
      ServerConfig config;
      config.port = 0;
      return config;
    }()} {
    server.start();
  }
  ClientConfig config(const std::string& id, Encryption encryption = Encryption::end_to_end) const {
    ClientConfig out;
    out.serverUrl = "ws://127.0.0.1:" + std::to_string(server.port());
    out.clientId = id;
    out.allow = {"none"};
    out.encryption = encryption;
    return out;
  }
  Server server;
};

/// What is known of the way over UDP to B.
std::optional<TransportInfo> wayOf(const Client& client) {
  for (const PeerWays& peer : client.peerWays()) {
    for (const TransportInfo& way : peer.ways) {
      if (peer.peer == "B" && way.kind == "relay udp") return way;
    }
  }
  return std::nullopt;
}

std::error_code failureOf(Client& client, const std::string& peer, const UdpPingOptions& options = {}) {
  try {
    client.pingUdp(peer, options);
  } catch (const Error& error) {
    return error.code();
  }
  return {};
}

/// A long ping that has had its first answers when it returns.
std::future<std::error_code> underWay(Client& client) {
  auto ping = std::async(std::launch::async, [&client] { return failureOf(client, "B", UdpPingOptions{100, 100ms, 20s}); });
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (!wayOf(client) && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(10ms);
  REQUIRE(wayOf(client));
  return ping;
}

}  // namespace

TEST_CASE("datagrams come back from a peer that offers nothing", "[api][ping]") {
  const auto encryption = GENERATE(Encryption::end_to_end, Encryption::none);
  Lab lab;
  Client a{lab.config("A", encryption)}, b{lab.config("B", encryption)};
  a.start();
  b.start();
  const UdpPingResult result = a.pingUdp("B", UdpPingOptions{20, 10ms, 10s});
  REQUIRE(result.rtts.size() == 20);
  for (const auto& rtt : result.rtts) {
    REQUIRE(rtt);
    CHECK(rtt->count() > 0);
    CHECK(*rtt < 1s);
  }
  const auto way = wayOf(a);
  REQUIRE(way);
  CHECK(way->ok);
  CHECK(way->successes == 1);
  CHECK(way->latency > 0us);
}

TEST_CASE("a deadline cuts a ping over UDP short, and what has come is its result", "[api][ping]") {
  Lab lab;
  Client a{lab.config("A")}, b{lab.config("B")};
  a.start();
  b.start();
  const auto begin = std::chrono::steady_clock::now();
  const UdpPingResult result = a.pingUdp("B", UdpPingOptions{100, 100ms, 2s});
  CHECK(std::chrono::steady_clock::now() - begin < 8s);
  CHECK_FALSE(result.rtts.empty());
  CHECK(result.rtts.size() < 30);
}

TEST_CASE("a ping over UDP says why there is none", "[api][ping]") {
  Lab lab;
  Client a{lab.config("A")}, b{lab.config("B")};
  CHECK(failureOf(a, "B") == Errc::not_running);
  a.start();
  CHECK(failureOf(a, "B") == Errc::unknown_peer);
  b.start();
  CHECK(failureOf(a, "B") == std::error_code{});
  for (const UdpPingOptions& wrong :
       {UdpPingOptions{0, 100ms, 1s}, UdpPingOptions{101, 10ms, 1s}, UdpPingOptions{2, 9ms, 1s}, UdpPingOptions{2, -1ms, 1s},
        UdpPingOptions{100, std::chrono::milliseconds::max(), 1s}, UdpPingOptions{1, 11s, 1s}, UdpPingOptions{100, 102ms, 1s}, UdpPingOptions{std::size_t(-1), 100ms, 1s}}) {
    CHECK(failureOf(a, "B", wrong) == Errc::invalid_argument);
  }
  CHECK(failureOf(a, "B", UdpPingOptions{1, 10ms, std::chrono::milliseconds::max()}) == std::error_code{});
  CHECK(failureOf(a, "B", UdpPingOptions{1, 10ms, std::chrono::milliseconds::min()}) == Errc::timed_out);
  CHECK(failureOf(a, "no name") == Errc::invalid_argument);
  b.stop();
  CHECK(failureOf(a, "B") == Errc::peer_offline);
  CHECK_FALSE(wayOf(a)->ok);
  a.stop();
  CHECK(failureOf(a, "B") == Errc::stopped);
}

TEST_CASE("a ping over UDP ends with either client", "[api][ping]") {
  Lab lab;
  Client a{lab.config("A")}, b{lab.config("B")};
  a.start();
  b.start();
  auto ping = underWay(a);
  SECTION("the one that asks") {
    a.stop();
    CHECK(ping.get() == Errc::stopped);
  }
  SECTION("the one that answers") {
    b.stop();
    CHECK(ping.get() == Errc::connection_lost);
  }
  SECTION("the server") {
    lab.server.stop();
    CHECK(ping.get() == Errc::connection_lost);
  }
}
