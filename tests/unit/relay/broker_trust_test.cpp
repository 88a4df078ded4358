// Registering with keys and tokens: what is proved, and whose a name is. The end of tokens: broker_tokens_test.cpp.
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
