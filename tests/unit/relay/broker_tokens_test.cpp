// Tokens at the broker: whom they let in, and what their end ends.
#include "relay/broker_fixture.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using namespace chuantou::relay;
using chuantou::relay::test::Actions;
using chuantou::relay::test::BrokerFixture;
using chuantou::relay::test::keyOf;
using chuantou::relay::test::publicKey;
using chuantou::relay::test::token;
using chuantou::relay::test::tokens;
using namespace std::chrono_literals;
using Who = BrokerFixture::Who;

namespace {

const PublicKey kKey = publicKey(1);
const PublicKey kOther = publicKey(2);

TokenTable oneToken() { return tokens({token("main", "secret")}); }

}  // namespace

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

TEST_CASE("clients that are forgotten while a token's clients end", "[relay][broker][trust][limits]") {
  // Those offline longest, each held in memory by one session only, and as many others as are remembered.
  BrokerFixture f{tokens({token("main", "x"), token("guest", "y")})};
  for (unsigned i = 0; i < 8; ++i) {
    const std::string name = std::to_string(i);
    const ControlId away = f.join(Who{"away" + name, kKey, true, "y"});
    const auto made = f.connect(f.join(Who{"here" + name, kKey, true, "y"}), "away" + name, away, keyOf(i));
    f.arrive(made.initiator);
    f.arrive(made.target);
    f.hangUp(away);
  }
  for (std::size_t i = 8; i < ClientRegistry::kMaxOffline; ++i) {
    f.hangUp(f.join(Who{"other" + std::to_string(i), kKey, true, "x"}));
  }
  CHECK(f.broker.handleRevokeToken("guest"));
  CHECK(f.actions().of<CloseControl>().size() == 8);
  CHECK(f.broker.sessions().size() == 0);
  CHECK(f.broker.clients().online() == 0);
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
