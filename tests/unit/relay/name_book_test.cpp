// Which key owns a name, and what of it is worth storing.
#include "relay/name_book.hpp"

#include <catch2/catch.hpp>

#include "relay/broker_fixture.hpp"

using namespace chuantou;
using namespace chuantou::relay;
using chuantou::relay::test::publicKey;

namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;
const ClientId kA = *ClientId::parse("A");
const ClientId kB = *ClientId::parse("B");

}  // namespace

TEST_CASE("a name's first visitor owns it", "[relay][names]") {
  NameBook book;
  CHECK_FALSE(book.find(kA));
  const auto stored = book.visit(kA, publicKey(1), "main", kNow);
  REQUIRE(stored);
  CHECK(stored->name == kA);
  CHECK(stored->owner == publicKey(1));
  CHECK(stored->token == "main");
  CHECK(stored->firstSeenMs == kNow);
  CHECK(stored->lastSeenMs == kNow);
  CHECK(book.find(kA)->owner == publicKey(1));
  CHECK(book.size() == 1);
}

TEST_CASE("visits are stored once a day, or when the token is another", "[relay][names]") {
  NameBook book;
  CHECK(book.visit(kA, publicKey(1), "main", kNow));
  CHECK_FALSE(book.visit(kA, publicKey(1), "main", kNow + 1));
  CHECK(book.find(kA)->lastSeenMs == kNow + 1);
  CHECK(book.visit(kA, publicKey(1), "other", kNow + 2));
  CHECK_FALSE(book.visit(kA, publicKey(1), "other", kNow + 1 + NameBook::kVisitGrainMs));
  const auto later = book.visit(kA, publicKey(1), "other", kNow + 2 + NameBook::kVisitGrainMs);
  REQUIRE(later);
  CHECK(later->firstSeenMs == kNow);
  CHECK(later->lastSeenMs == kNow + 2 + NameBook::kVisitGrainMs);
}

TEST_CASE("a name that is released is free", "[relay][names]") {
  NameBook book;
  book.restore(NameRecord{kA, publicKey(1), "", kNow, kNow});
  CHECK_FALSE(book.visit(kA, publicKey(1), "", kNow + 5));  // it was stored a moment ago
  CHECK_FALSE(book.release(kB));
  CHECK(book.release(kA));
  CHECK_FALSE(book.release(kA));
  CHECK_FALSE(book.find(kA));
  CHECK(book.visit(kA, publicKey(2), "", kNow)->owner == publicKey(2));
}

TEST_CASE("what was stored is kept beyond the limit", "[relay][names][limits]") {
  NameBook book{1};
  CHECK_FALSE(book.full());
  book.restore(NameRecord{kA, publicKey(1), "", kNow, kNow});
  CHECK(book.full());
  book.restore(NameRecord{kB, publicKey(1), "", kNow, kNow});
  CHECK(book.size() == 2);
}

TEST_CASE("names that servers make up", "[relay][names]") {
  chuantou::test::SeededRandom random{1};
  for (int i = 0; i < 100; ++i) CHECK(isMadeUpName(ClientId::random(random)));
  for (const char* name : {"c", "c-", "c-0123456789abcde", "c-0123456789abcdef0", "d-0123456789abcdef",
                           "c-0123456789abcdeF", "c_0123456789abcdef", "c-0123456789abcdeg"}) {
    CHECK_FALSE(isMadeUpName(*ClientId::parse(name)));
  }
}
