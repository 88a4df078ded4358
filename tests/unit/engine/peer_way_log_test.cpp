#include "engine/client/peer_way_log.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;
using namespace chuantou::engine;
using namespace std::chrono_literals;

namespace {

ClientId idOf(const std::string& name) { return ClientId::parse(name).value(); }

const TransportInfo* find(const PeerWayLog& log, const std::string& peer, const std::string& kind, std::vector<PeerWays>& keep) {
  keep = log.all();
  for (const PeerWays& one : keep) {
    if (one.peer != peer) continue;
    for (const TransportInfo& way : one.ways) {
      if (way.kind == kind) return &way;
    }
  }
  return nullptr;
}

}  // namespace

TEST_CASE("each way to each peer has its own successes and failures", "[engine][ways]") {
  PeerWayLog log;
  CHECK(log.all().empty());
  const std::string server = "ws://host:8200";
  log.succeeded(idOf("B"), "relay tcp", server, 1500us);
  log.succeeded(idOf("B"), "relay tcp", server, 700us);
  log.failed(idOf("B"), kRelayUdp, "10.0.0.1:8200", Error{Errc::peer_offline, "B"});
  log.failed(idOf("C"), "relay tcp", server, Error{Errc::unknown_peer, "C"});
  log.succeeded(idOf("C"), "relay tcp", server, 3ms);

  std::vector<PeerWays> keep;
  const TransportInfo* way = find(log, "B", "relay tcp", keep);
  REQUIRE(way);
  CHECK(way->where == server);
  CHECK(way->ok);
  CHECK(way->successes == 2);
  CHECK(way->failures == 0);
  CHECK(way->latency == 700us);
  CHECK(way->lastError.empty());
  way = find(log, "B", "relay udp", keep);
  REQUIRE(way);
  CHECK_FALSE(way->ok);
  CHECK(way->successes == 0);
  CHECK(way->failures == 1);
  CHECK(way->latency == 0us);
  CHECK(way->lastError == Error{Errc::peer_offline, "B"}.what());
  way = find(log, "C", "relay tcp", keep);
  REQUIRE(way);
  CHECK(way->ok);
  CHECK(way->failures == 1);
  CHECK(way->lastError == Error{Errc::unknown_peer, "C"}.what());
  CHECK_FALSE(find(log, "C", "relay udp", keep));
  CHECK(log.all().size() == 2);
}

TEST_CASE("the peer that was not tried for longest is forgotten first", "[engine][ways]") {
  PeerWayLog log;
  const auto nameOf = [](std::size_t number) { return "p" + std::to_string(number); };
  for (std::size_t i = 0; i < PeerWayLog::kMost; ++i) log.succeeded(idOf(nameOf(i)), "relay tcp", "ws://host:8200", 1ms);
  log.failed(idOf(nameOf(0)), "relay tcp", "ws://host:8200", Error{Errc::peer_offline, "p0"});  // of use again, so the next one is p1
  CHECK(log.all().size() == PeerWayLog::kMost);

  std::vector<PeerWays> keep;
  log.succeeded(idOf("new"), "relay tcp", "ws://host:8200", 1ms);
  CHECK(log.all().size() == PeerWayLog::kMost);
  CHECK_FALSE(find(log, nameOf(1), "relay tcp", keep));
  CHECK(find(log, nameOf(0), "relay tcp", keep));
  CHECK(find(log, nameOf(2), "relay tcp", keep));
  log.succeeded(idOf("newer"), "relay tcp", "ws://host:8200", 1ms);
  CHECK_FALSE(find(log, nameOf(2), "relay tcp", keep));
  CHECK(find(log, "new", "relay tcp", keep));
}
