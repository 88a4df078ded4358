// The public class against real sockets of this machine.
#include "chuantou/nat_detector.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>

#include "api/stun_server.hpp"

using namespace chuantou;
using chuantou::test::StunServer;
using namespace std::chrono_literals;

namespace {

NatDetectorConfig configFor(std::vector<std::string> servers) {
  NatDetectorConfig config;
  config.stunServers = std::move(servers);
  config.portMapping = false;
  return config;
}

bool isUncertain(const NatReport& report, const std::string& field) {
  return std::find(report.uncertain.begin(), report.uncertain.end(), field) != report.uncertain.end();
}

/// A port that completes TCP handshakes and refuses UDP, and that stays so: it is bound and never read from. A UDP socket that is
/// connected, here to itself, has no ears for anybody else; without it another program might bind the port and say nothing.
struct DeadPort {
  asio::io_context context;
  asio::ip::udp::socket deaf{context, {asio::ip::address_v4::loopback(), 0}};
  std::optional<asio::ip::tcp::acceptor> listener;

  DeadPort() {
    while (!listener) {
      try {
        listener.emplace(context, asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), deaf.local_endpoint().port()}, false);
      } catch (const std::system_error&) {  // taken: another port
        deaf = {context, {asio::ip::address_v4::loopback(), 0}};
      }
    }
    deaf.connect(deaf.local_endpoint());
  }
  std::string str() const { return "127.0.0.1:" + std::to_string(deaf.local_endpoint().port()); }
};

}  // namespace

TEST_CASE("a detection on this machine", "[api][nat_detector]") {
  const StunServer server;
  NatDetector detector{configFor({server.address()})};
  CHECK_FALSE(detector.cached());
  const NatReport report = detector.detect();
  CHECK(report.udp);
  CHECK(report.type == NatType::none);
  CHECK(report.mapping == NatBehavior::none);
  CHECK(report.filtering == NatBehavior::endpoint_independent);
  CHECK(report.hairpin == true);
  CHECK(report.doubleNat == false);
  CHECK(report.portAllocation == PortAllocation::preserving);
  CHECK_FALSE(report.firewall);
  CHECK(report.publicAddress == report.localAddress);
  CHECK(report.publicAddress.rfind("127.0.0.1:", 0) == 0);
  CHECK(report.publicAddresses == std::vector<std::string>{"127.0.0.1"});
  CHECK(report.uncertain.empty());
  CHECK(report.ipv4.has_value());
  CHECK_FALSE(report.ipv6.has_value());
  REQUIRE(report.servers.size() == 1);
  CHECK(report.servers[0].server == server.address());
  CHECK(report.servers[0].address == server.address());
  CHECK(report.servers[0].answered);
  CHECK(report.servers[0].behaviorDiscovery);
  CHECK(report.servers[0].rtt > 0us);
  CHECK_FALSE(report.portMapping);
  CHECK(report.relays.empty());
  CHECK(report.duration < 5s);
  const auto age = std::chrono::system_clock::now() - report.timestamp;
  CHECK(age < 1min);
  CHECK(age > -1min);
  CHECK(detector.cached());
}

TEST_CASE("a report is kept", "[api][nat_detector]") {
  const StunServer server{StunServer::Kind::oneAddress};
  SECTION("until it is invalidated") {
    NatDetector detector{configFor({server.address()})};
    const NatReport first = detector.detect();
    const std::size_t asked = server.requests();
    CHECK(asked > 0);
    CHECK(detector.detect().timestamp == first.timestamp);
    CHECK(server.requests() == asked);
    detector.invalidateCache();
    CHECK_FALSE(detector.cached());
    CHECK(detector.detect().timestamp > first.timestamp);
    CHECK(server.requests() > asked);
  }
  SECTION("as long as was asked for") {
    NatDetectorConfig config = configFor({server.address()});
    config.cacheFor = 0ms;
    NatDetector detector{config};
    const NatReport first = detector.detect();
    CHECK_FALSE(detector.cached());
    CHECK(detector.detect().timestamp > first.timestamp);
  }
}

TEST_CASE("calls at the same time share a detection", "[api][nat_detector]") {
  const StunServer server{StunServer::Kind::oneAddress};
  NatDetector detector{configFor({server.address()})};
  std::vector<std::future<NatReport>> all;
  for (int i = 0; i < 8; ++i) all.push_back(std::async(std::launch::async, [&] { return detector.detect(); }));
  const NatReport first = all[0].get();
  for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i].get().timestamp == first.timestamp);
}

TEST_CASE("one that waits while the report is invalidated gets a new one", "[api][nat_detector]") {
  const StunServer server{StunServer::Kind::oneAddress};
  NatDetector detector{configFor({server.address()})};
  auto waiting = std::async(std::launch::async, [&] { return detector.detect(); });
  for (int i = 0; i < 20; ++i) detector.invalidateCache();
  CHECK(waiting.get().udp);
}

TEST_CASE("the callback form", "[api][nat_detector]") {
  const StunServer server{StunServer::Kind::oneAddress};
  NatDetector detector{configFor({server.address()})};
  std::promise<std::pair<std::error_code, NatReport>> done;
  detector.asyncDetect([&](std::error_code error, const NatReport& report) { done.set_value({error, report}); });
  const auto [error, report] = done.get_future().get();
  CHECK_FALSE(error);
  CHECK(report.type == NatType::none);
  // One address cannot tell what is let in.
  CHECK(isUncertain(report, "filtering"));
  CHECK(isUncertain(report, "firewall"));
}

TEST_CASE("after stop nothing works, and what waits is told", "[api][nat_detector]") {
  const StunServer server{StunServer::Kind::silent};
  NatDetector detector{configFor({server.address()})};
  auto waiting = std::async(std::launch::async, [&] {
    try {
      detector.detect();
      return Errc::ok;
    } catch (const Error& error) {
      return error.errc();
    }
  });
  while (server.requests() == 0) std::this_thread::yield();
  const auto begun = std::chrono::steady_clock::now();
  detector.stop();
  CHECK(waiting.get() == Errc::stopped);
  CHECK(std::chrono::steady_clock::now() - begun < 2s);
  CHECK_THROWS_AS(detector.detect(), Error);
  std::error_code told;
  detector.asyncDetect([&](std::error_code error, const NatReport&) { told = error; });
  CHECK(told == Errc::stopped);
  detector.invalidateCache();
  detector.start();
  detector.stop();
}

TEST_CASE("a detector that is never asked", "[api][nat_detector]") {
  { NatDetector detector; }
  NatDetector stopped;
  stopped.stop();
}

TEST_CASE("nobody answers: in time, and said", "[api][nat_detector]") {
  const StunServer server{StunServer::Kind::silent};
  NatDetector detector{configFor({server.address()})};
  const NatReport report = detector.detect();
  CHECK(report.type == NatType::udp_blocked);
  CHECK_FALSE(report.udp);
  CHECK(isUncertain(report, "type"));
  CHECK_FALSE(report.servers[0].answered);
  CHECK(report.duration <= 5s);
  CHECK(report.duration >= 3s);
}

#ifdef __linux__
TEST_CASE("nobody is there: at once", "[api][nat_detector]") {
  const DeadPort dead;
  NatDetector detector{configFor({dead.str()})};
  const NatReport report = detector.detect();
  CHECK(report.type == NatType::udp_blocked);
  CHECK(isUncertain(report, "udp"));
  CHECK(report.duration < 2s);
}
#endif

TEST_CASE("a dead server and a name without address in the list", "[api][nat_detector]") {
  const StunServer silent{StunServer::Kind::silent};
  const StunServer server;
  NatDetector detector{configFor({"chuantou.invalid", silent.address(), server.address()})};
  const NatReport report = detector.detect();
  CHECK(report.type == NatType::none);
  CHECK(report.filtering == NatBehavior::endpoint_independent);
  REQUIRE(report.servers.size() == 3);
  CHECK(report.servers[0].address.empty());
  CHECK_FALSE(report.servers[1].answered);
  CHECK(report.servers[2].answered);
  CHECK(report.duration < 5s);
}

TEST_CASE("servers are measured", "[api][nat_detector]") {
  const StunServer server;
  const DeadPort listening;  // the kernel completes handshakes for it
  NatDetectorConfig config = configFor({server.address()});
  std::string gone;
  {
    const DeadPort closed;
    gone = closed.str();
  }
  config.serverUrls = {"ws://" + listening.str(), "ws://" + gone};
  NatDetector detector{config};
  const NatReport report = detector.detect();
  REQUIRE(report.relays.size() == 2);
  CHECK(report.relays[0].url == "ws://" + listening.str());
  CHECK(report.relays[0].reachable);
  CHECK(report.relays[0].latency > 0us);
  CHECK_FALSE(report.relays[1].reachable);
  CHECK(report.servers.size() == 3);
  CHECK(report.type == NatType::none);
}

TEST_CASE("detection again and again", "[api][nat_detector]") {
  const StunServer server{StunServer::Kind::oneAddress};
  NatDetectorConfig config = configFor({server.address()});
  config.redetectEvery = 10ms;
  NatDetector detector{config};
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<NatReport> reports;
  detector.onReport([&](const NatReport& report) {
    const std::lock_guard lock{mutex};
    reports.push_back(report);
    changed.notify_all();
  });
  detector.start();
  std::unique_lock lock{mutex};
  REQUIRE(changed.wait_for(lock, 60s, [&] { return reports.size() >= 3; }));
  CHECK(reports[1].timestamp > reports[0].timestamp);
  CHECK(reports[2].timestamp > reports[1].timestamp);
  lock.unlock();
  detector.stop();
}

TEST_CASE("what is no server is refused", "[api][nat_detector]") {
  const auto fails = [](auto change) {
    NatDetectorConfig config;
    change(config);
    try {
      NatDetector detector{config};
      return false;
    } catch (const Error& error) {
      return error.errc() == Errc::invalid_argument;
    }
  };
  CHECK(fails([](NatDetectorConfig& c) { c.stunServers = {"host:port"}; }));
  CHECK(fails([](NatDetectorConfig& c) { c.stunServers = {""}; }));
  CHECK(fails([](NatDetectorConfig& c) { c.stunServers = {"host:70000"}; }));
  CHECK(fails([](NatDetectorConfig& c) { c.stunServers.assign(17, "127.0.0.1"); }));
  CHECK(fails([](NatDetectorConfig& c) { c.serverUrls = {"ftp://host"}; }));
  CHECK(fails([](NatDetectorConfig& c) { c.cacheFor = -1ms; }));
  CHECK(fails([](NatDetectorConfig& c) { c.redetectEvery = -1ms; }));
  CHECK_FALSE(fails([](NatDetectorConfig&) {}));
  CHECK_FALSE(defaultStunServers().empty());
}
