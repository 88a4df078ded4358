// From a request to a pair of data channels, and the end of sessions.
#include "relay/broker_fixture.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using namespace chuantou::relay;
using chuantou::relay::test::Actions;
using chuantou::relay::test::BrokerFixture;
using chuantou::relay::test::keyOf;
using chuantou::relay::test::publicKey;
using chuantou::relay::test::tokens;
using namespace std::chrono_literals;

TEST_CASE("a request makes a session and tells both sides", "[relay][broker][sessions]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  auto request = f.request("B", {keyOf(1)});
  request.remoteHost = "db.local";
  const Actions did = f.say(a, request);
  const auto created = did.one<CreateSession>(a);
  const auto incoming = did.one<IncomingRequest>(b);
  CHECK(did.all.size() == 2);
  CHECK(created.peerClientId == "B");
  CHECK(created.remotePort == 3000);
  CHECK(created.relayPort == 8200);
  CHECK(created.transport == Transport::tcp);
  CHECK(incoming.fromClientId == "A");
  CHECK(incoming.remotePort == 3000);
  CHECK(incoming.remoteHost == "db.local");
  CHECK(incoming.transport == Transport::tcp);
  REQUIRE(created.sessions.size() == 1);
  REQUIRE(incoming.sessions.size() == 1);
  CHECK(created.sessions[0].id == incoming.sessions[0].id);
  CHECK(created.sessions[0].key == keyOf(1));
  CHECK(incoming.sessions[0].key != keyOf(1));  // each side has a key of its own, and not the other's
  CHECK_FALSE(created.sessions[0].udp);
  CHECK_FALSE(incoming.sessions[0].udp);
  CHECK(f.sessionsOf("A") == 1);
  CHECK(f.sessionsOf("B") == 1);
  CHECK(f.broker.stats().sessions == 1);
}

TEST_CASE("a batch makes as many sessions as it has keys", "[relay][broker][sessions]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  std::vector<DataKey> keys;
  for (unsigned i = 0; i < kMaxBatch; ++i) keys.push_back(keyOf(i));
  const Actions did = f.say(a, f.request("B", keys));
  const auto created = did.one<CreateSession>(a);
  const auto incoming = did.one<IncomingRequest>(b);
  REQUIRE(created.sessions.size() == keys.size());
  REQUIRE(incoming.sessions.size() == keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    CHECK(created.sessions[i].key == keys[i]);
    CHECK(created.sessions[i].id == incoming.sessions[i].id);
  }
  CHECK(f.sessionsOf("A") == keys.size());
}

TEST_CASE("requests for peers that are not there", "[relay][broker][sessions]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  f.hangUp(b);
  struct Row {
    const char* to;
    Errc code;
  };
  for (const Row& row :
       {Row{"nobody", Errc::unknown_peer}, Row{"", Errc::unknown_peer}, Row{"no id", Errc::unknown_peer},
        Row{"b", Errc::unknown_peer}, Row{"B", Errc::peer_offline}}) {
    INFO(row.to);
    const Actions did = f.say(a, f.request(row.to, {keyOf(1), keyOf(2)}));
    const auto reject = did.one<RejectSession>(a);
    CHECK(did.all.size() == 1);
    CHECK(reject.code == row.code);
    REQUIRE(reject.sessions.size() == 2);
    CHECK(reject.sessions[0].key == keyOf(1));
    CHECK(reject.sessions[1].key == keyOf(2));
    CHECK_FALSE(reject.sessions[0].id);
  }
  CHECK(f.broker.sessions().size() == 0);
  CHECK(f.sessionsOf("A") == 0);
}

TEST_CASE("two data channels make a pair, whichever is first", "[relay][broker][sessions]") {
  for (const bool initiatorFirst : {true, false}) {
    BrokerFixture f;
    const ControlId a = f.join("A");
    const ControlId b = f.join("B");
    const auto made = f.connect(a, "B", b, keyOf(1));
    const auto first = f.arrive(initiatorFirst ? made.initiator : made.target);
    CHECK(first.did.none());
    const auto second = f.arrive(initiatorFirst ? made.target : made.initiator);
    const auto pairs = second.did.of<Pair>();
    REQUIRE(pairs.size() == 1);
    CHECK(second.did.all.size() == 1);
    CHECK(pairs[0].session == made.id);
    CHECK(pairs[0].initiator == (initiatorFirst ? first.channel : second.channel));
    CHECK(pairs[0].target == (initiatorFirst ? second.channel : first.channel));

    f.broker.handleSessionEnded(made.id);
    CHECK(f.actions().none());
    CHECK(f.broker.sessions().size() == 0);
    CHECK(f.sessionsOf("A") == 0);
    CHECK(f.sessionsOf("B") == 0);
    f.broker.handleSessionEnded(made.id);
    CHECK(f.actions().none());
    CHECK(f.pass(1h, {a, b}).none());
  }
}

TEST_CASE("what a client was told may be lost with its control channel: who returns is told again", "[relay][broker][sessions]") {
  for (const bool hungUp : {true, false}) {
    BrokerFixture f;
    const ControlId a = f.join("A");
    const ControlId b = f.join("B");
    auto request = f.request("B", {keyOf(1), keyOf(2)});
    request.remoteHost = "db.local";
    request.plain = true;
    const auto told = f.say(a, request).one<IncomingRequest>(b);
    f.say(a, f.request("B", {keyOf(3)}, Transport::udp));
    f.arrive(*told.sessions[0].key);  // this one is on its way
    if (hungUp) f.hangUp(b);
    const ControlId again = f.open();
    const Actions did = f.say(again, f.registration("B"));
    const auto incoming = did.one<IncomingRequest>(again);
    CHECK(incoming.fromClientId == "A");
    CHECK(incoming.remotePort == 3000);
    CHECK(incoming.remoteHost == "db.local");
    CHECK(incoming.plain);
    REQUIRE(incoming.sessions.size() == 1);
    CHECK(incoming.sessions[0].id == told.sessions[1].id);
    CHECK(incoming.sessions[0].key == told.sessions[1].key);
    f.arrive(keyOf(2));
    CHECK(f.arrive(*incoming.sessions[0].key).did.of<Pair>().size() == 1);
    f.hangUp(again);
    const ControlId third = f.open();
    CHECK(f.say(third, f.registration("B")).sent<IncomingRequest>(third).empty());  // it has answered
  }
}

TEST_CASE("who is told again is the same client", "[relay][broker][sessions]") {
  BrokerFixture f{tokens({})};
  const ControlId a = f.join(BrokerFixture::Who{"A", publicKey(1)});
  const ControlId b = f.join(BrokerFixture::Who{"B", publicKey(2), true});
  f.connect(a, "B", b, keyOf(1));
  f.hangUp(b);
  const ControlId other = f.open();
  const Actions did = f.answer(other, {"B", publicKey(3), true});
  CHECK(did.sent<IncomingRequest>(other).empty());
  CHECK(did.one<SessionClosed>(a).sessions.size() == 1);
}

TEST_CASE("a data channel may come before its request", "[relay][broker][sessions][waiting]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto early = f.arrive(keyOf(1));
  CHECK(early.did.none());
  const auto made = f.connect(a, "B", b, keyOf(1));
  const auto late = f.arrive(made.target);
  const auto pairs = late.did.of<Pair>();
  REQUIRE(pairs.size() == 1);
  CHECK(pairs[0].initiator == early.channel);
  CHECK(pairs[0].target == late.channel);
  CHECK(f.pass(30s, {a, b}).dropped().empty());
}

TEST_CASE("a data channel whose request is refused goes with it, after the refusal",
          "[relay][broker][sessions][waiting]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const auto early = f.arrive(keyOf(1));
  const Actions refused = f.say(a, f.request("nobody", {keyOf(1)}));
  CHECK(refused.dropped().empty());
  CHECK(f.tick().dropped() == std::vector<ChannelId>{early.channel});
  CHECK(f.pass(30s, {a}).none());
}

TEST_CASE("a data channel that nobody announces is dropped", "[relay][broker][sessions][waiting]") {
  BrokerFixture f;
  const auto stray = f.arrive(keyOf(1));
  CHECK(f.tick(10s - 1ms).dropped().empty());
  CHECK(f.tick(1ms).dropped() == std::vector<ChannelId>{stray.channel});
  CHECK(f.pass(1min).none());
}

TEST_CASE("only so many data channels wait", "[relay][broker][sessions][waiting][limits]") {
  BrokerConfig config;
  config.maxWaitingChannels = 2;
  BrokerFixture f{config};
  const auto first = f.arrive(keyOf(1));
  const auto second = f.arrive(keyOf(2));
  const auto third = f.arrive(keyOf(3));
  CHECK(third.did.dropped() == std::vector<ChannelId>{first.channel});  // the oldest makes room
  const auto same = f.arrive(keyOf(2));                                 // the key waits already
  CHECK(same.did.dropped() == std::vector<ChannelId>{same.channel});
  CHECK(f.tick(10s).dropped() == std::vector<ChannelId>{second.channel, third.channel});
  CHECK(f.arrive(keyOf(3)).did.none());
}

TEST_CASE("each key opens one data channel, once", "[relay][broker][sessions]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto made = f.connect(a, "B", b, keyOf(1));
  f.arrive(made.initiator);
  const auto copy = f.arrive(made.initiator);
  CHECK(copy.did.none());
  const auto other = f.arrive(made.target);
  REQUIRE(other.did.of<Pair>().size() == 1);
  CHECK(other.did.of<Pair>()[0].initiator != copy.channel);
  const auto late = f.arrive(made.target);
  CHECK(late.did.none());
  const Actions did = f.pass(10s, {a, b});
  CHECK(did.dropped() == std::vector<ChannelId>{copy.channel, late.channel});
  CHECK(did.of<EndSession>().empty());
}

TEST_CASE("a key that is asked with twice", "[relay][broker][sessions]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const Actions did = f.say(a, f.request("B", {keyOf(1), keyOf(1), keyOf(2)}));
  CHECK(did.one<CreateSession>(a).sessions.size() == 2);
  CHECK(did.one<IncomingRequest>(b).sessions.size() == 2);
  const auto reject = did.one<RejectSession>(a);
  CHECK(reject.code == Errc::protocol_error);
  REQUIRE(reject.sessions.size() == 1);
  CHECK(reject.sessions[0].key == keyOf(1));
  CHECK(f.sessionsOf("A") == 2);
  // Another client that asks with the same key gets no part of the session.
  const ControlId c = f.join("C");
  CHECK(f.say(c, f.request("B", {keyOf(2)})).one<RejectSession>(c).code == Errc::protocol_error);
  CHECK(f.broker.sessions().size() == 2);
}

TEST_CASE("a client may have only so many sessions, on either side", "[relay][broker][sessions][limits]") {
  BrokerConfig config;
  config.maxSessionsPerClient = 2;
  BrokerFixture f{config};
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const ControlId c = f.join("C");
  const Actions did = f.say(a, f.request("B", {keyOf(1), keyOf(2), keyOf(3)}));
  CHECK(did.one<CreateSession>(a).sessions.size() == 2);
  const auto reject = did.one<RejectSession>(a);
  CHECK(reject.code == Errc::limit_reached);
  REQUIRE(reject.sessions.size() == 1);
  CHECK(reject.sessions[0].key == keyOf(3));
  // B is full as a target, and as an initiator.
  const Actions toFull = f.say(c, f.request("B", {keyOf(4)}));
  CHECK(toFull.one<RejectSession>(c).code == Errc::limit_reached);
  CHECK(toFull.sent<CreateSession>(c).empty());
  CHECK(toFull.sent<IncomingRequest>(b).empty());
  CHECK(f.say(b, f.request("C", {keyOf(5)})).one<RejectSession>(b).code == Errc::limit_reached);
  f.say(b, SessionClosed{{f.ref(*did.one<CreateSession>(a).sessions[0].id)}, ""});
  CHECK(f.say(c, f.request("B", {keyOf(6)})).sent<CreateSession>(c).size() == 1);
}

TEST_CASE("sides that do not come together in time", "[relay][broker][sessions][time]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto none = f.connect(a, "B", b, keyOf(1));
  const auto half = f.connect(a, "B", b, keyOf(2));
  const auto whole = f.connect(a, "B", b, keyOf(3));
  const auto channel = f.arrive(half.target);
  f.arrive(whole.initiator);
  f.arrive(whole.target);
  CHECK(f.pass(15s - 1ms, {a, b}).none());
  const Actions did = f.tick(1ms);
  CHECK(did.sent<SessionClosed>(a).size() == 2);
  CHECK(did.sent<SessionClosed>(b).size() == 2);
  CHECK(did.sent<SessionClosed>(a)[0].sessions[0].id == none.id);
  CHECK(did.sent<SessionClosed>(a)[1].sessions[0].id == half.id);
  CHECK(f.tick(1s).dropped() == std::vector<ChannelId>{channel.channel});
  CHECK(f.broker.sessions().size() == 1);
  CHECK(f.sessionsOf("A") == 1);
  const auto late = f.arrive(none.initiator);  // its key is worth nothing now
  CHECK(late.did.none());
  CHECK(f.pass(10s, {a, b}).dropped() == std::vector<ChannelId>{late.channel});
  CHECK(f.pass(1h, {a, b}).none());
}

TEST_CASE("the target refuses", "[relay][broker][sessions]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto one = f.connect(a, "B", b, keyOf(1));
  const auto two = f.connect(a, "B", b, keyOf(2));
  const auto early = f.arrive(one.initiator);
  const Actions did = f.say(b, RejectSession{{f.ref(one.id), f.ref(two.id)}, Errc::not_allowed, "not that port"});
  const auto told = did.sent<RejectSession>(a);
  REQUIRE(told.size() == 2);
  CHECK(told[0].code == Errc::not_allowed);
  CHECK(told[0].reason == "not that port");
  CHECK(told[0].sessions[0].id == one.id);
  CHECK(told[1].sessions[0].id == two.id);
  CHECK(did.dropped().empty());
  CHECK(f.tick(1s).dropped() == std::vector<ChannelId>{early.channel});
  CHECK(f.broker.sessions().size() == 0);
  CHECK(f.sessionsOf("A") + f.sessionsOf("B") == 0);
  CHECK(f.say(b, RejectSession{{f.ref(one.id)}, Errc::not_allowed, ""}).none());
}

TEST_CASE("either side closes a session", "[relay][broker][sessions]") {
  for (const bool byInitiator : {true, false}) {
    BrokerFixture f;
    const ControlId a = f.join("A");
    const ControlId b = f.join("B");
    const auto made = f.connect(a, "B", b, keyOf(1));
    f.arrive(made.initiator);
    f.arrive(made.target);
    const Actions did = f.say(byInitiator ? a : b, SessionClosed{{f.ref(made.id)}, "enough"});
    CHECK(did.one<SessionClosed>(byInitiator ? b : a).reason == "enough");
    REQUIRE(did.of<EndSession>().size() == 1);
    CHECK(did.of<EndSession>()[0].session == made.id);
    CHECK(did.all.size() == 2);
    CHECK(f.broker.sessions().size() == 0);
    f.broker.handleSessionEnded(made.id);  // the pump's last word comes after
    CHECK(f.actions().none());
    CHECK(f.pass(1min, {a, b}).none());
  }
}

TEST_CASE("a client that reaches itself", "[relay][broker][sessions]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const auto made = f.connect(a, "A", a, keyOf(1));
  CHECK(f.sessionsOf("A") == 2);
  f.arrive(made.initiator);
  CHECK(f.arrive(made.target).did.of<Pair>().size() == 1);
  f.broker.handleSessionEnded(made.id);
  CHECK(f.sessionsOf("A") == 0);
  const auto second = f.connect(a, "A", a, keyOf(2));
  CHECK(f.say(a, RejectSession{{f.ref(second.id)}, Errc::target_refused, ""}).one<RejectSession>(a).code ==
        Errc::target_refused);
  CHECK(f.sessionsOf("A") == 0);
  CHECK(f.broker.sessions().size() == 0);
}

TEST_CASE("a session outlives both control connections, until its pump ends", "[relay][broker][sessions]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto made = f.connect(a, "B", b, keyOf(1));
  f.arrive(made.initiator);
  f.arrive(made.target);
  CHECK(f.hangUp(a).none());
  CHECK(f.hangUp(b).none());
  CHECK(f.pass(1h).none());
  CHECK(f.broker.sessions().size() == 1);
  CHECK(f.broker.clients().online() == 0);
  const ControlId again = f.join("A");
  CHECK(f.sessionsOf("A") == 1);
  CHECK(f.say(again, SessionClosed{{f.ref(made.id)}, ""}).of<EndSession>().size() == 1);
  CHECK(f.broker.sessions().size() == 0);
  CHECK(f.sessionsOf("A") == 0);
}
