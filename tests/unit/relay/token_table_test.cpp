// Tokens: which one is proved, for how long, and for how many.
#include "relay/token_table.hpp"

#include <fmt/format.h>

#include "relay/broker_fixture.hpp"

using namespace chuantou;
using namespace chuantou::relay;
using chuantou::relay::test::publicKey;
using chuantou::relay::test::token;
using chuantou::relay::test::tokens;

namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;

Token limited(const char* name, unsigned uses) {
  Token one = token(name, std::string{"secret of "} + name);
  one.usesLeft = uses;
  return one;
}

Token until(const char* name, std::int64_t ms) {
  Token one = token(name, std::string{"secret of "} + name);
  one.expiresAtMs = ms;
  return one;
}

}  // namespace

TEST_CASE("a secret is printed as stars", "[relay][token]") {
  CHECK(fmt::format("{} {:>5}", Secret{"hunter2"}, Secret{"hunter2"}) == "***   ***");
}

TEST_CASE("every token is tried, whichever is the right one", "[relay][token]") {
  std::vector<Token> all;
  for (int i = 0; i < 50; ++i) all.push_back(token(fmt::format("t{}", i), fmt::format("secret {}", i)));
  const TokenTable table = tokens(all);
  const std::vector<std::uint8_t> challenge(32, 7);
  for (const char* proof : {"secret 0", "secret 25", "secret 49", "no secret"}) {
    int tried = 0;
    const ProofCheck check = [&](std::string_view secret, std::span<const std::uint8_t> given, std::string_view id,
                                 std::span<const std::uint8_t> key, std::string_view hex) {
      ++tried;
      CHECK(given.size() == 32);
      CHECK(id == "A");
      CHECK(key.size() == 32);
      return secret == hex;
    };
    const Token* found = table.match(check, challenge, "A", publicKey(1), proof);
    CHECK(tried == 50);
    CHECK((found ? found->secret.reveal() : "no secret") == proof);
  }
  const ProofCheck keyless = [](auto, auto, auto, std::span<const std::uint8_t> key, auto) { return key.empty(); };
  CHECK(table.match(keyless, challenge, "A", {}, ""));
  CHECK_FALSE(table.match(keyless, challenge, "A", publicKey(1), ""));
}

TEST_CASE("a token has so many uses, one a key", "[relay][token]") {
  TokenTable table = tokens({limited("two", 2), token("any", "x")});
  const auto state = [&](std::optional<PublicKey> key) { return table.find("two")->state(kNow, key); };
  CHECK(state(publicKey(1)) == Token::State::good);
  CHECK(table.use("two", publicKey(1)));
  CHECK_FALSE(table.use("two", publicKey(1)));  // the same client again costs nothing
  CHECK(table.find("two")->usesLeft == 1u);
  CHECK(table.use("two", publicKey(2)));
  CHECK(state(publicKey(3)) == Token::State::usedUp);
  CHECK(state({}) == Token::State::usedUp);
  CHECK(state(publicKey(1)) == Token::State::good);
  CHECK(state(publicKey(2)) == Token::State::good);
  CHECK_FALSE(table.use("any", publicKey(1)));
  CHECK_FALSE(table.use("none", publicKey(1)));

  TokenTable nameless = tokens({limited("two", 2)});  // clients without a key cannot be told apart: each time counts
  CHECK(nameless.use("two", {}));
  CHECK(nameless.use("two", {}));
  CHECK(nameless.find("two")->state(kNow, {}) == Token::State::usedUp);
}

TEST_CASE("a token ends at its time, and is told of once", "[relay][token]") {
  TokenTable table = tokens({until("a", kNow), until("b", kNow + 1000), token("c", "x")});
  CHECK(table.find("a")->state(kNow - 1, {}) == Token::State::good);
  CHECK(table.find("a")->state(kNow, {}) == Token::State::expired);
  CHECK(table.takeExpired(kNow - 1).empty());
  CHECK(table.takeExpired(kNow) == std::vector<std::string>{"a"});
  CHECK(table.takeExpired(kNow + 999).empty());
  CHECK(table.takeExpired(kNow + 5000) == std::vector<std::string>{"b"});
  CHECK(table.takeExpired(kNow + 9000).empty());
}

TEST_CASE("a revoked token stays revoked, and wanted", "[relay][token]") {
  TokenTable table;
  CHECK_FALSE(table.wanted());
  CHECK(table.add(token("a", "x"), kNow) == TokenTable::Added::done);
  CHECK(table.wanted());
  CHECK_FALSE(table.revoke("b"));
  CHECK(table.revoke("a"));
  CHECK_FALSE(table.revoke("a"));
  CHECK(table.wanted());
  CHECK(table.find("a")->state(kNow, publicKey(1)) == Token::State::revoked);
}

TEST_CASE("names of tokens are unique, but for those that are over", "[relay][token]") {
  TokenTable table = tokens({token("live", "x"), until("old", kNow - 1), token("gone", "y")});
  table.revoke("gone");
  CHECK(table.add(token("live", "z"), kNow) == TokenTable::Added::nameTaken);
  CHECK(table.find("live")->secret.reveal() == "x");
  for (const char* name : {"old", "gone"}) {
    CHECK(table.add(token(name, "z"), kNow) == TokenTable::Added::done);
    CHECK(table.find(name)->secret.reveal() == "z");
  }
  CHECK(table.all().size() == 3);
}

TEST_CASE("a full table forgets what is over, and then takes no more", "[relay][token][limits]") {
  TokenTable table;
  for (std::size_t i = 0; i < TokenTable::kMaxTokens; ++i) {
    REQUIRE(table.add(token(fmt::format("t{}", i), fmt::format("s{}", i)), kNow) == TokenTable::Added::done);
  }
  CHECK(table.add(token("more", "x"), kNow) == TokenTable::Added::full);
  table.revoke("t7");
  CHECK(table.add(token("more", "x"), kNow) == TokenTable::Added::done);
  CHECK_FALSE(table.find("t7"));
  CHECK(table.add(token("another", "x"), kNow) == TokenTable::Added::full);
}
