// UDP sessions: numbers, and what the relay of datagrams is told.
#include <set>

#include "relay/broker_fixture.hpp"
#include "wire/udp_packet.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using namespace chuantou::relay;
using chuantou::relay::test::Actions;
using chuantou::relay::test::BrokerFixture;
using chuantou::relay::test::keyOf;
using namespace std::chrono_literals;

TEST_CASE("a UDP session has two numbers that differ in the lowest bit", "[relay][broker][udp]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  std::set<UdpSession> seen;
  for (unsigned i = 0; i < 1000; ++i) {
    const Actions did = f.say(a, f.request("B", {keyOf(i)}, Transport::udp));
    const auto created = did.one<CreateSession>(a);
    const auto incoming = did.one<IncomingRequest>(b);
    REQUIRE(created.sessions[0].udp);
    REQUIRE(incoming.sessions[0].udp);
    const UdpSession mine = *created.sessions[0].udp;
    CHECK(peerOf(mine) == *incoming.sessions[0].udp);
    CHECK(static_cast<std::uint32_t>(mine) % 2 == 0);
    CHECK(static_cast<std::uint32_t>(mine) >> 29 == 4);
    CHECK(mine != kUdpControl);
    CHECK(seen.insert(mine).second);
    REQUIRE(did.of<AddUdp>().size() == 1);
    const AddUdp added = did.of<AddUdp>()[0];
    CHECK(added.initiator == mine);
    CHECK(added.initiatorKey == keyOf(i));
    CHECK(added.targetKey == incoming.sessions[0].key);
    CHECK(std::holds_alternative<AddUdp>(did.all.front()));  // known before either side can send
  }
}

TEST_CASE("the target's acceptance is passed to the initiator", "[relay][broker][udp]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto made = f.connect(a, "B", b, keyOf(1), Transport::udp);
  const Actions did = f.say(b, AcceptSession{{f.ref(made.id)}});
  CHECK(did.one<AcceptSession>(a).sessions[0].id == made.id);
  CHECK(did.all.size() == 1);
  CHECK(f.pass(1h, {a, b}).none());  // a session that was accepted has no deadline here
  const Actions closed = f.say(a, SessionClosed{{f.ref(made.id)}, "idle"});
  CHECK(closed.one<SessionClosed>(b).reason == "idle");
  REQUIRE(closed.of<RemoveUdp>().size() == 1);
  CHECK(closed.of<RemoveUdp>()[0].initiator == made.udp);
  CHECK(closed.of<EndSession>().empty());
  CHECK(f.broker.sessions().size() == 0);
}

TEST_CASE("every end of a UDP session takes it from the datagram relay", "[relay][broker][udp]") {
  enum class End { rejected, closedByTarget, notAccepted, unregistered, initiatorGone, targetGone, silent, kicked };
  for (const End end : {End::rejected, End::closedByTarget, End::notAccepted, End::unregistered, End::initiatorGone,
                        End::targetGone, End::silent, End::kicked}) {
    INFO("end " << static_cast<int>(end));
    BrokerFixture f;
    const ControlId a = f.join("A");
    const ControlId b = f.join("B");
    const auto made = f.connect(a, "B", b, keyOf(1), Transport::udp);
    if (end != End::notAccepted && end != End::rejected) f.say(b, AcceptSession{{f.ref(made.id)}});
    Actions did;
    switch (end) {
      case End::rejected:
        did = f.say(b, RejectSession{{f.ref(made.id)}, Errc::not_allowed, ""});
        break;
      case End::closedByTarget:
        did = f.say(b, SessionClosed{{f.ref(made.id)}, ""});
        break;
      case End::notAccepted:
        did = f.pass(15s, {a, b});
        break;
      case End::unregistered:
        did = f.say(b, Unregister{});
        break;
      case End::initiatorGone:
        did = f.hangUp(a);
        break;
      case End::targetGone:
        did = f.hangUp(b);
        break;
      case End::silent:
        did = f.pass(60s, {a});
        break;
      case End::kicked:
        f.broker.handleKick(*ClientId::parse("B"));
        did = f.actions();
        break;
    }
    REQUIRE(did.of<RemoveUdp>().size() == 1);
    CHECK(did.of<RemoveUdp>()[0].initiator == made.udp);
    const bool toTarget = end == End::initiatorGone || end == End::notAccepted;
    const bool toInitiator = end != End::initiatorGone && end != End::rejected;
    CHECK(did.sent<SessionClosed>(b).size() == (toTarget ? 1 : 0));
    CHECK(did.sent<SessionClosed>(a).size() == (toInitiator ? 1 : 0));
    CHECK(did.sent<RejectSession>(a).size() == (end == End::rejected ? 1 : 0));
    CHECK(f.broker.sessions().size() == 0);
    CHECK(f.sessionsOf("A") + f.sessionsOf("B") == 0);
  }
}

TEST_CASE("a data channel never becomes a part of a UDP session", "[relay][broker][udp]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto early = f.arrive(keyOf(1));
  const auto made = f.connect(a, "B", b, keyOf(1), Transport::udp);
  f.say(b, AcceptSession{{f.ref(made.id)}});
  const auto initiator = f.arrive(made.initiator);
  const auto target = f.arrive(made.target);
  CHECK(target.did.of<Pair>().empty());
  // A key waits once, so the second one with it went at once; the others go by their deadline, whatever the session
  // does.
  CHECK(initiator.did.dropped() == std::vector<ChannelId>{initiator.channel});
  CHECK(f.pass(10s, {a, b}).dropped() == std::vector<ChannelId>{early.channel, target.channel});
  CHECK(f.broker.sessions().size() == 1);
}
