#include "base/backoff.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "support/seeded_random.hpp"

using namespace chuantou;

namespace {
constexpr Millis kMin{250};
constexpr Millis kMax{30'000};
Millis ceilingOf(int attempt) { return std::min(kMax, kMin * (1 << std::min(attempt, 20))); }
}  // namespace

TEST_CASE("each wait lies between a tenth of its ceiling and its ceiling", "[base][backoff]") {
  test::SeededRandom random{test::testSeed("backoff")};
  for (int round = 0; round < 1000; ++round) {
    Backoff backoff{kMin, kMax};
    for (int attempt = 0; attempt < 20; ++attempt) {
      const Millis wait = backoff.next(random);
      INFO("attempt " << attempt << ", wait " << wait.count());
      CHECK(wait <= ceilingOf(attempt));
      CHECK(wait >= ceilingOf(attempt) / 10);
    }
  }
}

TEST_CASE("the waits of many clients spread over the whole range", "[base][backoff]") {
  test::SeededRandom random{42};
  constexpr int kClients = 10'000;
  std::vector<int> tenths(10);
  std::int64_t sum = 0;
  for (int client = 0; client < kClients; ++client) {
    Backoff backoff{kMin, kMax};
    for (int attempt = 0; attempt < 7; ++attempt) backoff.next(random);
    const auto wait = backoff.next(random).count();  // the ceiling is 30 s by now
    sum += wait;
    ++tenths[static_cast<std::size_t>(std::min<std::int64_t>((wait - 3000) * 10 / 27'000, 9))];
  }
  for (const int count : tenths) {
    CHECK(count > kClients / 10 * 8 / 10);
    CHECK(count < kClients / 10 * 12 / 10);
  }
  CHECK(sum / kClients == Approx(16'500).epsilon(0.05));
}

TEST_CASE("a seed repeats the waits, and reset begins anew", "[base][backoff]") {
  test::SeededRandom first{9};
  test::SeededRandom second{9};
  Backoff a{kMin, kMax};
  Backoff b{kMin, kMax};
  for (int i = 0; i < 50; ++i) CHECK(a.next(first) == b.next(second));
  a.reset();
  for (int attempt = 0; attempt < 3; ++attempt) CHECK(a.next(first) <= ceilingOf(attempt));
}

TEST_CASE("a wait of nothing at least does not fail", "[base][backoff]") {
  test::SeededRandom random{1};
  Backoff none{Millis{0}, Millis{0}};
  Backoff fixed{Millis{1000}, Millis{1000}};
  for (int i = 0; i < 100; ++i) {
    CHECK(none.next(random) <= Millis{1});
    const Millis wait = fixed.next(random);
    CHECK(wait >= Millis{100});
    CHECK(wait <= Millis{1000});
  }
}

TEST_CASE("a wait can be cut short; those after it are as long as ever", "[base][backoff]") {
  test::SeededRandom random{7};
  Backoff backoff{kMin, kMax};
  for (int attempt = 0; attempt < 10; ++attempt) CHECK(backoff.next(random, Millis{1000}) <= Millis{1000});
  CHECK(backoff.next(random) >= kMax / 10);
}
