// Clients that speak of what is not theirs.
#include "relay/broker_fixture.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using namespace chuantou::relay;
using chuantou::relay::test::Actions;
using chuantou::relay::test::BrokerFixture;
using chuantou::relay::test::keyOf;
using namespace std::chrono_literals;

TEST_CASE("strangers who name other people's sessions are ignored", "[relay][broker][strangers]") {
  for (const Transport transport : {Transport::tcp, Transport::udp}) {
    BrokerFixture f;
    const ControlId a = f.join("A");
    const ControlId b = f.join("B");
    const ControlId mallory = f.join("M");
    const auto made = f.connect(a, "B", b, keyOf(1), transport);
    std::vector<SessionRef> all;
    for (std::uint64_t id = 0; id < kMaxBatch; ++id) all.push_back(SessionRef{SessionId{id}, made.initiator, made.udp});
    CHECK(f.say(mallory, SessionClosed{all, "mine now"}).none());
    CHECK(f.say(mallory, RejectSession{all, Errc::not_allowed, ""}).none());
    CHECK(f.say(mallory, AcceptSession{all}).none());
    CHECK(f.broker.sessions().size() == 1);
    CHECK(f.sessionsOf("M") == 0);
    // A key alone names no session either.
    CHECK(f.say(mallory, SessionClosed{{SessionRef{{}, made.initiator, {}}}, ""}).none());
    CHECK(f.say(b, SessionClosed{{SessionRef{{}, made.initiator, {}}}, ""}).none());
    CHECK(f.say(mallory, SessionClosed{{SessionRef{}}, ""}).none());
    CHECK(f.broker.sessions().size() == 1);
  }
}

TEST_CASE("the initiator can neither accept nor refuse for the target", "[relay][broker][strangers]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto tcp = f.connect(a, "B", b, keyOf(1));
  const auto udp = f.connect(a, "B", b, keyOf(2), Transport::udp);
  CHECK(f.say(a, AcceptSession{{f.ref(tcp.id), f.ref(udp.id)}}).none());
  CHECK(f.say(a, RejectSession{{f.ref(tcp.id), f.ref(udp.id)}, Errc::not_allowed, ""}).none());
  CHECK(f.broker.sessions().size() == 2);
  CHECK(f.say(b, AcceptSession{{f.ref(tcp.id)}}).none());  // a TCP session is accepted by its data channel
}

TEST_CASE("a message that names good and bad sessions does the good ones", "[relay][broker][strangers]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const ControlId c = f.join("C");
  const auto ours = f.connect(a, "B", b, keyOf(1));
  const auto theirs = f.connect(c, "B", b, keyOf(2));
  const Actions did =
      f.say(a, SessionClosed{{f.ref(SessionId{999}), f.ref(theirs.id), f.ref(ours.id), f.ref(ours.id)}, ""});
  CHECK(did.sent<SessionClosed>(b).size() == 1);
  CHECK(did.sent<SessionClosed>(c).empty());
  CHECK(f.broker.sessions().size() == 1);
}

TEST_CASE("the key of one side does not open the other's place", "[relay][broker][strangers]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto made = f.connect(a, "B", b, keyOf(1));
  CHECK(f.arrive(made.initiator).did.none());
  for (int i = 0; i < 5; ++i)
    f.arrive(made.initiator);  // the second and later ones wait for a request that never comes
  CHECK(f.arrive(made.target).did.of<Pair>().size() == 1);
}

TEST_CASE("the end of a stranger's connection ends nobody's sessions", "[relay][broker][strangers]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  f.connect(a, "B", b, keyOf(1));
  f.connect(a, "B", b, keyOf(2), Transport::udp);
  const ControlId stranger = f.open();
  CHECK(f.hangUp(stranger).none());
  CHECK(f.hangUp(stranger).none());
  CHECK(f.hangUp(ControlId{999}).none());
  f.broker.handleSessionEnded(SessionId{999});
  f.broker.handleHeard(f.now(), ControlId{999});
  CHECK(f.actions().none());
  CHECK(f.broker.sessions().size() == 2);
}

TEST_CASE("a data channel has proved itself when its key is a session's", "[relay][broker][strangers]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto early = f.arrive(keyOf(1)).channel;
  const auto guess = f.arrive(keyOf(2)).channel;
  const auto gone = f.arrive(keyOf(3)).channel;
  CHECK_FALSE(f.broker.pollProved());
  const auto made = f.connect(a, "B", b, keyOf(1));
  CHECK(f.broker.pollProved() == early);
  CHECK_FALSE(f.broker.pollProved());
  CHECK(f.arrive(made.target).did.of<Pair>().size() == 1);
  CHECK(f.broker.pollProved());
  // One that was closed while it waited is not paired.
  f.broker.handleDataChannelClosed(gone, keyOf(3));
  f.broker.handleDataChannelClosed(gone, keyOf(3));
  f.broker.handleDataChannelClosed(gone, keyOf(2));  // not its key
  const auto late = f.connect(a, "B", b, keyOf(3));
  CHECK(f.arrive(late.target).did.of<Pair>().empty());
  CHECK(f.connect(a, "B", b, keyOf(2)).id != late.id);
  while (const auto proved = f.broker.pollProved()) CHECK(*proved != gone);
  CHECK(guess != gone);
}
