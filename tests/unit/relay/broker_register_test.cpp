// Registering without keys and tokens: names, takeover, leaving, limits. With them: broker_trust_test.cpp.
#include "chuantou/version.hpp"
#include "relay/broker_fixture.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using namespace chuantou::relay;
using chuantou::relay::test::Actions;
using chuantou::relay::test::BrokerFixture;
using chuantou::relay::test::keyOf;
using namespace std::chrono_literals;

TEST_CASE("a client registers and is told what it needs", "[relay][broker]") {
  BrokerFixture f;
  const ControlId a = f.open("198.51.100.7");
  const auto response = f.say(a, f.registration("A")).one<RegisterResponse>(a);
  CHECK(response.success);
  CHECK(response.assignedId == "A");
  CHECK_FALSE(response.existingKicked);
  CHECK(response.version == kProtocolVersion);
  CHECK(response.heartbeatIntervalMs == 20'000);
  CHECK(response.heartbeatTimeoutMs == 60'000);
  const ClientRecord* record = f.broker.clients().find(*ClientId::parse("A"));
  REQUIRE(record);
  CHECK(record->control == a);
  CHECK(record->address == "198.51.100.7");
  CHECK(record->since == f.at);
  CHECK(record->registeredAtMs == f.now().unixMs);
  CHECK(f.broker.clients().online() == 1);
  CHECK(f.broker.stats().registrations == 1);
}

TEST_CASE("a client without a name is given one", "[relay][broker]") {
  BrokerFixture f;
  const ControlId a = f.open();
  const ControlId b = f.open();
  const auto first = f.say(a, f.registration("")).one<RegisterResponse>(a);
  const auto second = f.say(b, f.registration("")).one<RegisterResponse>(b);
  CHECK(first.success);
  CHECK(ClientId::parse(first.assignedId));
  CHECK(first.assignedId != second.assignedId);
  CHECK(f.broker.clients().online() == 2);
}

TEST_CASE("registrations that are refused, and close the connection", "[relay][broker]") {
  struct Row {
    const char* id;
    int version;
    Errc code;
  };
  for (const Row& row :
       {Row{"A", 0, Errc::version_mismatch}, Row{"A", 2, Errc::version_mismatch}, Row{"a b", 1, Errc::invalid_argument},
        Row{"客户端", 1, Errc::invalid_argument}, Row{"a\nb", 1, Errc::invalid_argument}}) {
    BrokerFixture f;
    const ControlId a = f.open();
    Register m = f.registration(row.id);
    m.version = row.version;
    const Actions did = f.say(a, m);
    const auto response = did.one<RegisterResponse>(a);
    CHECK_FALSE(response.success);
    CHECK(response.code == row.code);
    CHECK_FALSE(response.error.empty());
    CHECK(response.version == kProtocolVersion);
    CHECK(did.closed(a));
    CHECK(f.broker.clients().online() == 0);
    CHECK(f.say(a, f.registration("A")).none());  // nothing is heard from a connection that is closing
    CHECK(f.hangUp(a).none());
  }
}

TEST_CASE("nobody but a registered client is served", "[relay][broker]") {
  const MessageToServer messages[] = {Unregister{},       GetClientList{}, BrokerFixture::request("A", {keyOf(1)}),
                                      AcceptSession{{}},  RejectSession{}, SessionClosed{},
                                      Unknown{"anything"}};
  for (const MessageToServer& message : messages) {
    BrokerFixture f;
    const ControlId other = f.join("A");
    const ControlId stranger = f.open();
    const Actions did = f.say(stranger, message);
    CHECK(did.one<ErrorMessage>(stranger).code == Errc::protocol_error);
    CHECK(did.closed(stranger));
    CHECK(did.all.size() == 2);
    CHECK_FALSE(did.closed(other));
  }
  BrokerFixture f;
  const ControlId stranger = f.open();
  CHECK(f.say(stranger, Heartbeat{7}).one<Heartbeat>(stranger).timestamp == 7);
  CHECK(f.say(ControlId{999}, Heartbeat{7}).none());  // a connection that was never opened
}

TEST_CASE("a connection registers once", "[relay][broker]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const Actions did = f.say(a, f.registration("B"));
  CHECK(did.one<ErrorMessage>(a).code == Errc::protocol_error);
  CHECK_FALSE(did.closed(a));
  CHECK(f.broker.clients().find(*ClientId::parse("B")) == nullptr);
  CHECK(f.broker.clients().online() == 1);
}

TEST_CASE("a new registration of an id takes over", "[relay][broker][takeover]") {
  BrokerFixture f;
  const ControlId old = f.join("A");
  const ControlId fresh = f.open();
  const Actions did = f.say(fresh, f.registration("A"));
  CHECK(did.one<RegisterResponse>(fresh).existingKicked);
  CHECK(did.one<ErrorMessage>(old).code == Errc::kicked);
  CHECK(did.closed(old));
  CHECK(f.broker.clients().online() == 1);
  CHECK(f.say(old, GetClientList{}).none());
  CHECK(f.hangUp(old).none());  // the old connection's end must not take the new one offline
  CHECK(f.broker.clients().find(*ClientId::parse("A"))->control == fresh);
  CHECK(f.broker.clients().online() == 1);
  CHECK(f.say(fresh, GetClientList{}).one<ClientList>(fresh).clients.size() == 1);
}

TEST_CASE("TCP sessions outlive a takeover, UDP sessions do not", "[relay][broker][takeover]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  const auto tcp = f.connect(a, "B", b, keyOf(1));
  const auto udp = f.connect(a, "B", b, keyOf(2), Transport::udp);
  const auto back = f.connect(b, "A", a, keyOf(3), Transport::udp);
  const ControlId fresh = f.open();
  const Actions did = f.say(fresh, f.registration("A"));
  CHECK(did.of<RemoveUdp>().size() == 2);
  CHECK(did.sent<SessionClosed>(b).size() == 2);
  CHECK(did.sent<SessionClosed>(fresh).empty());
  CHECK(f.broker.sessions().size() == 1);
  CHECK(f.sessionsOf("A") == 1);
  CHECK(f.sessionsOf("B") == 1);
  // The session goes on, and the new connection speaks for it.
  CHECK(f.say(fresh, SessionClosed{{f.ref(tcp.id)}, "done"}).sent<SessionClosed>(b).size() == 1);
  CHECK(f.broker.sessions().size() == 0);
  CHECK(udp.id != back.id);
}

TEST_CASE("a client that reaches itself hears nothing before the answer to its registration",
          "[relay][broker][takeover]") {
  BrokerFixture f;
  const ControlId old = f.join("A");
  f.connect(old, "A", old, keyOf(1), Transport::udp);
  const ControlId fresh = f.open();
  const Actions did = f.say(fresh, f.registration("A"));
  for (const Send& send : did.of<Send>()) {
    if (send.to != fresh) continue;
    CHECK(std::holds_alternative<RegisterResponse>(send.message));
    break;
  }
  CHECK(f.broker.sessions().size() == 0);
  CHECK(f.sessionsOf("A") == 0);
}

TEST_CASE("a client that unregisters takes its sessions along", "[relay][broker]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  f.connect(a, "B", b, keyOf(1));
  f.connect(b, "A", a, keyOf(2), Transport::udp);
  const Actions did = f.say(a, Unregister{});
  CHECK(did.closed(a));
  CHECK(did.sent<SessionClosed>(b).size() == 2);
  CHECK(did.of<RemoveUdp>().size() == 1);
  CHECK(f.broker.sessions().size() == 0);
  CHECK(f.sessionsOf("B") == 0);
  CHECK(f.broker.clients().online() == 1);
  CHECK(f.hangUp(a).none());
  CHECK(f.say(b, f.request("A", {keyOf(3)})).one<RejectSession>(b).code == Errc::peer_offline);
}

TEST_CASE("the operator removes a client", "[relay][broker]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.join("B");
  f.connect(a, "B", b, keyOf(1));
  CHECK_FALSE(f.broker.handleKick(*ClientId::parse("nobody")));
  CHECK(f.actions().none());
  CHECK(f.broker.handleKick(*ClientId::parse("A")));
  const Actions did = f.actions();
  CHECK(did.one<ErrorMessage>(a).code == Errc::kicked);
  CHECK(did.closed(a));
  CHECK(did.sent<SessionClosed>(b).size() == 1);
  CHECK(f.broker.sessions().size() == 0);
  CHECK_FALSE(f.broker.handleKick(*ClientId::parse("A")));  // it is on its way out
  CHECK(f.hangUp(a).none());
  CHECK_FALSE(f.broker.handleKick(*ClientId::parse("A")));
}

TEST_CASE("a full server refuses new clients, not those that come back", "[relay][broker][limits]") {
  BrokerConfig config;
  config.maxClients = 2;
  BrokerFixture f{config};
  const ControlId a = f.join("A");
  f.join("B");
  const ControlId c = f.open();
  const Actions did = f.say(c, f.registration("C"));
  CHECK(did.one<RegisterResponse>(c).code == Errc::limit_reached);
  CHECK(did.closed(c));
  const ControlId again = f.open();
  CHECK(f.say(again, f.registration("A")).one<RegisterResponse>(again).success);
  f.hangUp(a);
  f.hangUp(again);
  f.join("C");
  CHECK(f.broker.clients().online() == 2);
}

TEST_CASE("a registration that is refused for its source ends the connection", "[relay][broker][limits]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const ControlId b = f.open();
  f.broker.handleRegisterRefused(f.now(), b, "too many");
  const Actions did = f.actions();
  CHECK(did.one<RegisterResponse>(b).code == Errc::limit_reached);
  CHECK(did.one<RegisterResponse>(b).error == "too many");
  CHECK(did.closed(b));
  CHECK(f.say(b, f.registration("B")).none());
  f.broker.handleRegisterRefused(f.now(), b, "too many");
  f.broker.handleRegisterRefused(f.now(), ControlId{999}, "too many");
  CHECK(f.actions().none());
  CHECK(f.broker.clients().online() == 1);
  CHECK(f.say(a, Heartbeat{1}).one<Heartbeat>(a).timestamp == 1);
}

TEST_CASE("the client list has those online, by id", "[relay][broker]") {
  BrokerFixture f;
  const ControlId b = f.join("B");
  f.at += 5s;
  const ControlId a = f.join("A");
  const ControlId c = f.join("C");
  f.hangUp(c);
  const auto list = f.say(a, GetClientList{}).one<ClientList>(a);
  REQUIRE(list.clients.size() == 2);
  CHECK(list.clients[0].id == "A");
  CHECK(list.clients[1].id == "B");
  CHECK(list.clients[0].registeredAtMs - list.clients[1].registeredAtMs == 5000);
  CHECK_FALSE(f.broker.clients().find(*ClientId::parse("C"))->control);
  CHECK(f.say(b, Heartbeat{42}).one<Heartbeat>(b).timestamp == 42);
}

TEST_CASE("messages that are not understood", "[relay][broker]") {
  BrokerFixture f;
  const ControlId a = f.join("A");
  const std::string type = std::string(63, 'x') + "界界" + std::string(900, 'y');
  const Actions unknown = f.say(a, Unknown{type});
  const auto error = unknown.one<ErrorMessage>(a);
  CHECK_THAT(error.message, Catch::Contains("unknown type x"));
  CHECK(error.code == Errc::unknown_type);
  CHECK(decodeToClient(encode(MessageToClient{error})).ok());
  CHECK(encode(MessageToClient{error}).find('?') == std::string::npos);  // not cut inside a character
  CHECK_FALSE(unknown.closed(a));

  f.broker.handleBadMessage(f.now(), a, Error{Errc::protocol_error, "the other side", "a message is not JSON"});
  const Actions bad = f.actions();
  CHECK(bad.one<ErrorMessage>(a).message == "a message is not JSON");
  CHECK_FALSE(bad.closed(a));

  const ControlId stranger = f.open();
  f.broker.handleBadMessage(f.now(), stranger, Error{Errc::protocol_error, "the other side", "a message is not JSON"});
  CHECK(f.actions().closed(stranger));
  f.broker.handleBadMessage(f.now(), stranger, Error{Errc::protocol_error});
  f.broker.handleBadMessage(f.now(), ControlId{999}, Error{Errc::protocol_error});
  CHECK(f.actions().none());
}
