// Silences and deadlines of control connections, in virtual time.
#include "relay/broker_fixture.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using namespace chuantou::relay;
using chuantou::relay::test::Actions;
using chuantou::relay::test::BrokerFixture;
using chuantou::relay::test::keyOf;
using namespace std::chrono_literals;

TEST_CASE("a connection that does not register is closed", "[relay][broker][time]") {
  BrokerFixture f;
  const ControlId idle = f.open();
  const ControlId busy = f.open();
  const ControlId a = f.open();
  f.say(a, f.registration("A"));
  CHECK(f.tick(10s - 1ms).none());
  f.say(busy, Heartbeat{1});  // a heartbeat is no registration
  const Actions did = f.tick(1ms);
  CHECK(did.closed(idle));
  CHECK(did.closed(busy));
  CHECK_FALSE(did.closed(a));
  CHECK(did.all.size() == 2);
  CHECK(f.say(idle, f.registration("B")).none());
  CHECK(f.tick(1s).none());  // said once
}

TEST_CASE("a challenge gives no more time to register", "[relay][broker][time][token]") {
  BrokerFixture f{chuantou::relay::test::tokens({chuantou::relay::test::token("main", "secret")})};
  const ControlId a = f.open();
  f.tick(9s);
  f.say(a, f.registration("A"));
  CHECK(f.tick(1s).closed(a));
}

TEST_CASE("60 s of silence is death", "[relay][broker][time]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto tcp = f.connect(a, "B", b, keyOf(1));
  f.arrive(tcp.initiator);
  f.arrive(tcp.target);
  CHECK(f.pass(60s - 1ms, {b}).none());
  const Actions did = f.tick(1ms);
  CHECK(did.one<ErrorMessage>(a).code == Errc::timed_out);
  CHECK(did.closed(a));
  CHECK_FALSE(did.closed(b));
  CHECK(f.broker.clients().online() == 1);
  // What has data channels of its own waits a while for who may be asleep.
  CHECK(did.sent<SessionClosed>(b).empty());
  CHECK(did.of<EndSession>().empty());
  CHECK(f.hangUp(a).none());
  CHECK(f.pass(60s - 1ms, {b}).none());
  const Actions then = f.pass(1ms, {b});
  CHECK(then.sent<SessionClosed>(b).size() == 1);
  CHECK(then.of<EndSession>().size() == 1);
  CHECK(f.broker.sessions().size() == 0);
  CHECK(f.pass(1h, {b}).none());
}

TEST_CASE("a control channel is reset for its silence only", "[relay][broker][time]") {
  BrokerFixture f;
  f.join("A");
  const auto silent = f.tick(200s).of<CloseControl>();
  REQUIRE(silent.size() == 1);
  CHECK(silent[0].silent);
  const ControlId b = f.join("B");
  const auto left = f.say(b, Unregister{}).of<CloseControl>();
  REQUIRE(left.size() == 1);
  CHECK_FALSE(left[0].silent);
}

TEST_CASE("who comes back from a silence in time finds its sessions", "[relay][broker][time]") {
  for (const bool closedMeanwhile : {false, true}) {
    BrokerFixture f;
    ControlId a = f.join("A");
    const ControlId b = f.join("B");
    const auto tcp = f.connect(a, "B", b, keyOf(1));
    f.arrive(tcp.initiator);
    f.arrive(tcp.target);
    for (int nap = 0; nap < 3; ++nap) {
      f.pass(119s, {b});
      CHECK(f.broker.clients().online() == 1);
      if (closedMeanwhile) f.hangUp(a);
      a = f.join("A");
      CHECK(f.pass(30s, {a, b}).none());
    }
    CHECK(f.broker.sessions().size() == 1);
    // The first silence's end is not that of the last one.
    f.pass(90s, {b});
    CHECK(f.broker.sessions().size() == 1);
    f.pass(30s, {b});
    CHECK(f.broker.sessions().size() == 0);
  }
}

TEST_CASE("another key that takes a silent client's name does not get its sessions", "[relay][broker][time]") {
  BrokerFixture f{chuantou::relay::test::tokens({})};
  const ControlId a = f.join({.id = "A", .key = chuantou::relay::test::publicKey(1), .temporary = true});
  const ControlId b = f.join({.id = "B", .key = chuantou::relay::test::publicKey(2)});
  const auto tcp = f.connect(a, "B", b, keyOf(1));
  f.arrive(tcp.initiator);
  f.arrive(tcp.target);
  f.pass(61s, {b});
  CHECK(f.broker.sessions().size() == 1);
  const ControlId other = f.open();
  const Actions did = f.answer(other, {.id = "A", .key = chuantou::relay::test::publicKey(3), .temporary = true});
  CHECK(did.one<RegisterResponse>(other).success);
  CHECK(did.of<EndSession>().size() == 1);
  CHECK(f.broker.sessions().size() == 0);
}

TEST_CASE("anything that is heard keeps a client alive", "[relay][broker][time]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const auto stay = [&](auto&& hear) {
    CHECK(f.tick(59s).none());
    hear();
    f.actions();
    CHECK(f.tick(59s).none());
    hear();
    f.actions();
  };
  stay([&] { f.broker.handleHeard(f.now(), a); });
  stay([&] { f.broker.handleMessage(f.now(), a, Heartbeat{1}); });
  stay([&] { f.broker.handleMessage(f.now(), a, GetClientList{}); });
  stay([&] { f.broker.handleMessage(f.now(), a, Unknown{"later"}); });
  stay([&] { f.broker.handleBadMessage(f.now(), a, Error{Errc::protocol_error}); });
  CHECK(f.tick(60s).closed(a));
}

TEST_CASE("clients that fall silent together tell nobody", "[relay][broker][time]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto made = f.connect(a, "B", b, keyOf(1));
  f.arrive(made.initiator);
  f.arrive(made.target);
  const Actions did = f.tick(60s);
  CHECK(did.closed(a));
  CHECK(did.closed(b));
  CHECK(f.broker.clients().online() == 0);
  CHECK(did.of<EndSession>().empty());
  const Actions then = f.tick(60s);
  CHECK(then.of<Send>().empty());
  CHECK(then.of<EndSession>().size() == 1);
  CHECK(f.broker.sessions().size() == 0);
}

TEST_CASE("other times than the defaults", "[relay][broker][time]") {
  BrokerConfig config;
  config.heartbeatInterval = 1s;
  config.heartbeatTimeout = 3s;
  config.registerTimeout = 2s;
  config.pairingTimeout = 500ms;
  config.keyPatience = 250ms;
  BrokerFixture f{config};
  const ControlId late = f.open();
  const ControlId a = f.open();
  const auto response = f.say(a, f.registration("A")).one<RegisterResponse>(a);
  CHECK(response.heartbeatIntervalMs == 1000);
  CHECK(response.heartbeatTimeoutMs == 3000);
  const auto made = f.connect(a, "A", a, keyOf(1));
  const auto stray = f.arrive(keyOf(2));
  CHECK(f.tick(250ms).dropped() == std::vector<ChannelId>{stray.channel});
  CHECK(f.tick(250ms).sent<SessionClosed>(a).size() == 2);
  CHECK(f.tick(1500ms).closed(late));
  CHECK(f.tick(1s).closed(a));
  CHECK(made.id != SessionId{});
}

TEST_CASE("a client that has gone is remembered as offline", "[relay][broker][time]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  f.hangUp(b);
  f.pass(std::chrono::hours{2}, {a});
  CHECK(f.say(a, f.request("B", {keyOf(1)})).one<RejectSession>(a).code == Errc::peer_offline);
  const ControlId again = f.open();
  CHECK_FALSE(f.say(again, f.registration("B")).one<RegisterResponse>(again).existingKicked);
}
