// Registering with keys and tokens: whose a name is, and what a token lets in.
#include "relay/broker_fixture.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using namespace chuantou::relay;
using chuantou::relay::test::Actions;
using chuantou::relay::test::BrokerFixture;
using chuantou::relay::test::keyOf;
using chuantou::relay::test::proofOf;
using chuantou::relay::test::publicKey;
using chuantou::relay::test::token;
using chuantou::relay::test::tokens;
using namespace std::chrono_literals;
using Who = BrokerFixture::Who;

namespace {

const PublicKey kKey = publicKey(1);
const PublicKey kOther = publicKey(2);

ClientId named(const char* name) { return *ClientId::parse(name); }
TokenTable oneToken() { return tokens({token("main", "secret")}); }

}  // namespace

TEST_CASE("a challenge says what is wanted", "[relay][broker][trust]") {
  {
    BrokerFixture f{TokenTable{}};
    const ControlId a = f.open();
    const auto response = f.say(a, f.registration("A")).one<RegisterResponse>(a);
    CHECK_FALSE(response.success);
    CHECK(response.code == Errc::identity_required);
    CHECK(response.challenge.size() == 64);
    CHECK(f.say(a, f.answerTo(response.challenge, {"A", kKey})).one<RegisterResponse>(a).success);
  }
  BrokerFixture f{oneToken()};
  const ControlId a = f.open();
  const ControlId b = f.open();
  const auto first = f.say(a, f.registration("A")).one<RegisterResponse>(a);
  const auto second = f.say(b, f.registration("B")).one<RegisterResponse>(b);
  CHECK(first.code == Errc::auth_required);
  CHECK(first.challenge != second.challenge);
  CHECK(f.say(a, f.answerTo(first.challenge, {"A", kKey, false, "secret"})).one<RegisterResponse>(a).success);
  CHECK(f.broker.stats().authFailures == 0);
  CHECK(f.broker.clients().find(named("A"))->proved.token == "main");
}

TEST_CASE("a wrong answer to a challenge ends the connection", "[relay][broker][trust]") {
  enum Wrong { nothing, noProof, noKey, noSignature, otherKey, otherId, otherSecret, otherChallenge, proofWithoutKey };
  for (const auto& [wrong, code] :
       {std::pair{nothing, Errc::auth_required}, std::pair{noProof, Errc::auth_required},
        std::pair{noKey, Errc::identity_required}, std::pair{noSignature, Errc::auth_failed},
        std::pair{otherKey, Errc::auth_failed}, std::pair{otherId, Errc::auth_failed},
        std::pair{otherSecret, Errc::auth_failed}, std::pair{otherChallenge, Errc::auth_failed},
        std::pair{proofWithoutKey, Errc::auth_failed}}) {
    CAPTURE(wrong);
    BrokerFixture f{oneToken()};
    const ControlId a = f.open();
    const std::string challenge = f.say(a, f.registration("A")).one<RegisterResponse>(a).challenge;
    Register m = f.answerTo(challenge, {"A", kKey, false, wrong == otherSecret ? "guess" : "secret"});
    if (wrong == nothing) m = f.registration("A");
    if (wrong == noProof) m.proof.clear();
    if (wrong == noKey) m.publicKey.reset();
    if (wrong == noSignature) m.signature.clear();
    if (wrong == otherKey) m.publicKey = kOther;
    if (wrong == otherId) m.clientId = "B";
    if (wrong == otherChallenge) m = f.answerTo(std::string(64, '0'), {"A", kKey, false, "secret"});
    if (wrong == proofWithoutKey) m.proof = proofOf("secret", challenge, "A", {});
    const Actions did = f.say(a, m);
    const auto response = did.one<RegisterResponse>(a);
    CHECK_FALSE(response.success);
    CHECK(response.code == code);
    CHECK(response.challenge.empty());
    CHECK(did.closed(a));
    CHECK(f.say(a, f.answerTo(challenge, {"A", kKey, false, "secret"})).none());  // one try
    CHECK(f.broker.stats().authFailures == 1);
    CHECK(f.broker.clients().online() == 0);
    CHECK(f.broker.names().size() == 0);
  }
}

TEST_CASE("an answer before any challenge counts for nothing", "[relay][broker][trust]") {
  BrokerFixture f{oneToken()};
  const ControlId a = f.open();
  const auto response =
      f.say(a, f.answerTo(std::string(64, '0'), {"A", kKey, false, "secret"})).one<RegisterResponse>(a);
  CHECK_FALSE(response.success);
  CHECK(response.code == Errc::auth_required);
  CHECK(response.challenge.size() == 64);
}

TEST_CASE("a name belongs to the key that registered it first", "[relay][broker][trust]") {
  BrokerFixture f{oneToken()};
  const ControlId owner = f.open();
  const Actions did = f.answer(owner, {"A", kKey, false, "secret"});
  REQUIRE(did.of<StoreName>().size() == 1);
  CHECK(did.of<StoreName>()[0].record.owner == kKey);
  CHECK(did.of<StoreName>()[0].record.token == "main");
  CHECK(std::holds_alternative<StoreName>(did.all.front()));  // stored before the client is told

  // While it is here, and while it is away; the token is right each time.
  CHECK(f.refusal({"A", kOther, false, "secret"}) == Errc::name_taken);
  CHECK(f.refusal({"A", kOther, true, "secret"}) == Errc::name_taken);
  CHECK(f.broker.clients().find(named("A"))->control == owner);
  f.hangUp(owner);
  CHECK(f.refusal({"A", kOther, false, "secret"}) == Errc::name_taken);

  const ControlId back = f.join(Who{"A", kKey, false, "secret"});
  const ControlId again = f.open();
  const Actions taken = f.answer(again, {"A", kKey, false, "secret"});
  CHECK(taken.one<RegisterResponse>(again).existingKicked);
  CHECK(taken.one<ErrorMessage>(back).code == Errc::kicked);
  CHECK(taken.closed(back));
  CHECK(taken.of<StoreName>().empty());
}

TEST_CASE("names that were stored are owned from the start", "[relay][broker][trust]") {
  NameBook names;
  names.restore(NameRecord{named("A"), kKey, "", 1, 1});
  BrokerFixture f{TokenTable{}, {}, std::move(names)};
  CHECK(f.refusal({"A", kOther}) == Errc::name_taken);
  f.join(Who{"A", kKey});
}

TEST_CASE("a temporary key holds a name and does not own it", "[relay][broker][trust]") {
  BrokerFixture f{TokenTable{}};
  const ControlId guest = f.open();
  CHECK(f.answer(guest, {"A", kKey, true}).of<StoreName>().empty());
  CHECK(f.refusal({"A", kOther, true}) == Errc::name_taken);
  CHECK(f.refusal({"A", kOther, false}) == Errc::name_taken);
  const ControlId again = f.join(Who{"A", kKey, true});
  f.hangUp(again);
  CHECK(f.broker.names().size() == 0);
  const ControlId owner = f.join(Who{"A", kOther, false});
  CHECK(f.broker.names().find(named("A"))->owner == kOther);
  CHECK(f.refusal({"A", kKey, true}) == Errc::name_taken);

  // The owner's own key stays the owner's, whatever it calls itself.
  const ControlId back = f.join(Who{"A", kOther, true});
  CHECK_FALSE(f.broker.clients().find(named("A"))->proved.temporaryKey);
  CHECK(owner != back);
}

TEST_CASE("names that the server makes up are nobody's", "[relay][broker][trust]") {
  BrokerFixture f{TokenTable{}};
  const ControlId a = f.open();
  const Actions did = f.answer(a, {"", kKey});
  const std::string given = did.one<RegisterResponse>(a).assignedId;
  CHECK(did.of<StoreName>().empty());
  CHECK(f.refusal({given, kOther}) == Errc::name_taken);  // as long as it is there
  const ControlId back = f.join(Who{given, kKey});        // a client that reconnects asks for the name it was given
  CHECK(f.broker.names().size() == 0);
  f.hangUp(back);
  f.join(Who{given, kOther});
}

TEST_CASE("the book of names has a limit", "[relay][broker][trust][limits]") {
  BrokerFixture f{TokenTable{}, {}, NameBook{2}};
  f.join(Who{"A", kKey});
  const ControlId b = f.join(Who{"B", kKey});
  CHECK(f.refusal({"C", kKey}) == Errc::limit_reached);
  f.join(Who{"C", kKey, true});
  f.hangUp(b);
  f.join(Who{"B", kKey});
  CHECK(f.broker.handleReleaseName(named("A")));
  CHECK(f.actions().of<ForgetName>().size() == 1);
  f.join(Who{"D", kOther});
}

TEST_CASE("a released name is kept by who has it now, and then free", "[relay][broker][trust]") {
  BrokerFixture f{TokenTable{}};
  const ControlId a = f.join(Who{"A", kKey});
  CHECK_FALSE(f.broker.handleReleaseName(named("B")));
  CHECK(f.actions().none());
  CHECK(f.broker.handleReleaseName(named("A")));
  f.actions();
  CHECK(f.refusal({"A", kOther}) == Errc::name_taken);
  f.hangUp(a);
  f.join(Who{"A", kOther});
  CHECK(f.refusal({"A", kKey}) == Errc::name_taken);
}

TEST_CASE("clients without a key only where they are allowed", "[relay][broker][trust]") {
  {
    BrokerFixture f{TokenTable{}};
    CHECK(f.refusal({"A", {}}) == Errc::identity_required);
  }
  BrokerConfig config;
  config.allowKeyless = true;
  BrokerFixture f{oneToken(), config};
  const ControlId first = f.join(Who{"A", {}, false, "secret"});
  const ControlId second = f.open();
  const Actions did = f.answer(second, {"A", {}, false, "secret"});
  CHECK(did.one<RegisterResponse>(second).existingKicked);
  CHECK(did.closed(first));
  // A name that nobody has a key for is for the first that has one; from then on it is closed to those without.
  f.join(Who{"A", kKey, false, "secret"});
  CHECK(f.refusal({"A", {}, false, "secret"}) == Errc::name_taken);
  const ControlId guest = f.join(Who{"B", kOther, true, "secret"});
  CHECK(f.refusal({"B", {}, false, "secret"}) == Errc::name_taken);
  f.hangUp(guest);
  f.join(Who{"B", {}, false, "secret"});
}

TEST_CASE("where clients without a key are allowed, one that has a key still proves it", "[relay][broker][trust]") {
  BrokerConfig config;
  config.allowKeyless = true;
  BrokerFixture f{TokenTable{}, config};
  const ControlId a = f.open();
  CHECK(f.say(a, f.registration("A")).one<RegisterResponse>(a).success);
  const ControlId b = f.open();
  Register m = f.registration("B");
  m.publicKey = kKey;
  const auto response = f.say(b, m).one<RegisterResponse>(b);
  CHECK(response.code == Errc::identity_required);
  CHECK(f.say(b, f.answerTo(response.challenge, {"B", kKey})).one<RegisterResponse>(b).success);
}

TEST_CASE("another client of a name does not get the sessions of the one before", "[relay][broker][trust]") {
  BrokerFixture f{TokenTable{}};
  const ControlId a = f.join(Who{"A", kKey, true});
  const ControlId b = f.join(Who{"B", kKey});
  const auto made = f.connect(a, "B", b, keyOf(1));
  f.arrive(made.initiator);
  f.arrive(made.target);
  f.hangUp(a);
  CHECK(f.broker.sessions().size() == 1);
  const ControlId other = f.open();
  const Actions did = f.answer(other, {"A", kOther, true});
  CHECK(did.of<EndSession>().size() == 1);
  CHECK(did.sent<SessionClosed>(b).size() == 1);
  CHECK(f.broker.sessions().size() == 0);
}

TEST_CASE("each side of a session is told the other's key, plainness and group", "[relay][broker][trust]") {
  BrokerFixture f{tokens({token("main", "x"), token("guest", "y", "guests"), token("more", "z")})};
  const ControlId a = f.join(Who{"A", kKey, true, "x"});
  const ControlId b = f.join(Who{"B", kOther, false, "y"});
  const ControlId c = f.join(Who{"C", publicKey(3), false, "z"});
  auto request = f.request("B", {keyOf(1)});
  request.plain = true;
  const Actions did = f.say(a, request);
  const auto created = did.one<CreateSession>(a);
  const auto incoming = did.one<IncomingRequest>(b);
  CHECK(created.peerKey.key == kOther);
  CHECK_FALSE(created.peerKey.temporary);
  CHECK(incoming.fromKey.key == kKey);
  CHECK(incoming.fromKey.temporary);
  CHECK(incoming.plain);
  CHECK_FALSE(incoming.sameGroup);
  const auto near = f.say(c, f.request("A", {keyOf(2)})).one<IncomingRequest>(a);
  CHECK(near.sameGroup);
  CHECK_FALSE(near.plain);
  const auto list = f.say(a, GetClientList{}).one<ClientList>(a);
  REQUIRE(list.clients.size() == 3);
  CHECK(list.clients[0].key == kKey);
  CHECK(list.clients[1].key == kOther);

  BrokerFixture open;  // no tokens at all: everybody is of one group
  const ControlId d = open.join("D");
  const ControlId e = open.join("E");
  const auto plainly = open.say(d, open.request("E", {keyOf(1)})).one<IncomingRequest>(e);
  CHECK(plainly.sameGroup);
  CHECK_FALSE(plainly.fromKey.key);
}

TEST_CASE("a revoked token ends its clients and their sessions, and nobody else's", "[relay][broker][trust]") {
  BrokerFixture f{tokens({token("main", "x"), token("guest", "y")})};
  const ControlId a = f.join(Who{"A", kKey, false, "x"});
  const ControlId b = f.join(Who{"B", kOther, false, "y"});
  const ControlId c = f.join(Who{"C", publicKey(3), false, "x"});
  const auto made = f.connect(a, "B", b, keyOf(1));
  f.arrive(made.initiator);
  f.arrive(made.target);
  f.connect(a, "C", c, keyOf(2));
  f.join(Who{"D", publicKey(4), false, "y"});
  const auto orphan = f.connect(a, "D", ControlId{4}, keyOf(3));
  f.arrive(orphan.initiator);
  f.arrive(orphan.target);
  f.hangUp(ControlId{4});  // its connection is gone, its session is not

  CHECK_FALSE(f.broker.handleRevokeToken("nobody"));
  CHECK(f.broker.handleRevokeToken("guest"));
  const Actions did = f.actions();
  CHECK(did.of<StoreTokens>().size() == 1);
  CHECK(did.one<ErrorMessage>(b).code == Errc::auth_failed);
  CHECK_THAT(did.one<ErrorMessage>(b).message, Catch::Contains("revoked"));
  CHECK(did.closed(b));
  CHECK_FALSE(did.closed(a));
  CHECK_FALSE(did.closed(c));
  CHECK(did.of<EndSession>().size() == 2);
  CHECK(did.sent<SessionClosed>(a).size() == 2);
  CHECK(f.broker.sessions().size() == 1);
  CHECK_FALSE(f.broker.handleRevokeToken("guest"));
  CHECK(f.refusal({"B", kOther, false, "y"}) == Errc::auth_failed);
  f.join(Who{"B", kOther, false, "x"});  // the name is still its own
}

TEST_CASE("an expired token ends its clients at the next tick", "[relay][broker][trust]") {
  Token brief = token("brief", "y");
  brief.expiresAtMs = 1'700'000'000'000 + 5'000;
  BrokerFixture f{tokens({token("main", "x"), brief})};
  const ControlId a = f.join(Who{"A", kKey, false, "y"});
  const ControlId b = f.join(Who{"B", kOther, false, "x"});
  f.connect(b, "A", a, keyOf(1));
  CHECK(f.tick(4s).none());
  const Actions did = f.tick(1s);
  CHECK(did.one<ErrorMessage>(a).code == Errc::auth_failed);
  CHECK_THAT(did.one<ErrorMessage>(a).message, Catch::Contains("expired"));
  CHECK(did.closed(a));
  CHECK(did.sent<SessionClosed>(b).size() == 1);
  CHECK(f.refusal({"A", kKey, false, "y"}) == Errc::auth_failed);
  CHECK(f.tick(1s).of<CloseControl>().empty());
}

TEST_CASE("a one-off token lets in one of a hundred, and that one again", "[relay][broker][trust]") {
  Token once = token("once", "y");
  once.usesLeft = 1;
  BrokerFixture f{tokens({token("main", "x"), once})};
  // All have been challenged before the first answers.
  std::vector<std::pair<ControlId, std::string>> crowd;
  for (unsigned i = 0; i < 100; ++i) {
    const ControlId control = f.open();
    crowd.emplace_back(
        control, f.say(control, f.registration("A" + std::to_string(i))).one<RegisterResponse>(control).challenge);
  }
  std::vector<unsigned> in;
  std::size_t stored = 0;
  for (unsigned i = 0; i < 100; ++i) {
    const auto& [control, challenge] = crowd[i];
    const Actions did = f.say(control, f.answerTo(challenge, {"A" + std::to_string(i), publicKey(i + 1), false, "y"}));
    const auto response = did.one<RegisterResponse>(control);
    stored += did.of<StoreTokens>().size();
    if (response.success) in.push_back(i);
    if (!response.success) CHECK(response.code == Errc::auth_failed);
  }
  REQUIRE(in.size() == 1);
  CHECK(stored == 1);
  CHECK(f.broker.names().size() == 1);
  f.hangUp(crowd[in[0]].first);
  f.join(Who{"A" + std::to_string(in[0]), publicKey(in[0] + 1), false, "y"});
}

TEST_CASE("a refused name does not use a token up", "[relay][broker][trust]") {
  Token once = token("once", "y");
  once.usesLeft = 1;
  BrokerFixture f{tokens({token("main", "x"), once})};
  f.join(Who{"A", kKey, false, "x"});
  CHECK(f.refusal({"A", kOther, false, "y"}) == Errc::name_taken);
  f.join(Who{"B", kOther, false, "y"});
}

TEST_CASE("a rotated token's old secret is wrong at once; who is in stays, or not", "[relay][broker][trust]") {
  for (const bool endClients : {false, true}) {
    BrokerFixture f{oneToken()};
    const ControlId a = f.join(Who{"A", kKey, false, "secret"});
    CHECK_FALSE(f.broker.handleRotateToken("other", Secret{"z"}, endClients));
    CHECK(f.broker.handleRotateToken("main", Secret{"fresh"}, endClients));
    const Actions did = f.actions();
    CHECK(did.of<StoreTokens>().size() == 1);
    CHECK(did.closed(a) == endClients);
    CHECK(f.refusal({"B", kOther, false, "secret"}) == Errc::auth_failed);
    f.join(Who{"B", kOther, false, "fresh"});
  }
}

TEST_CASE("tokens that are added count at once", "[relay][broker][trust]") {
  BrokerFixture f{TokenTable{}};
  const ControlId a = f.join(Who{"A", kKey});
  CHECK(f.broker.handleAddToken(f.now(), token("guest", "y", "guests")) == TokenTable::Added::done);
  CHECK(f.actions().of<StoreTokens>().size() == 1);
  CHECK(f.broker.handleAddToken(f.now(), token("guest", "z")) == TokenTable::Added::nameTaken);
  CHECK(f.actions().none());
  CHECK(f.refusal({"B", kOther}) == Errc::auth_required);
  f.join(Who{"B", kOther, false, "y"});
  CHECK(f.say(a, Heartbeat{1}).one<Heartbeat>(a).timestamp == 1);

  // A token of an expired one's name is not that one.
  Token brief = token("brief", "b");
  brief.expiresAtMs = f.now().unixMs + 500;
  f.broker.handleAddToken(f.now(), brief);
  f.actions();
  const ControlId c = f.join(Who{"C", publicKey(3), false, "b"});
  f.at += 600ms;
  CHECK(f.broker.handleAddToken(f.now(), token("brief", "b2")) == TokenTable::Added::done);
  CHECK(f.actions().closed(c));
}

TEST_CASE("tokens are not asked for where anybody may come", "[relay][broker][trust]") {
  BrokerConfig config;
  config.wantTokens = false;
  BrokerFixture f{oneToken(), config};
  const ControlId a = f.open();
  const auto response = f.say(a, f.registration("A")).one<RegisterResponse>(a);
  CHECK(response.code == Errc::identity_required);
  CHECK(f.say(a, f.answerTo(response.challenge, {"A", kKey})).one<RegisterResponse>(a).success);
}
