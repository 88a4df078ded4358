#include "engine/client/ping_series.hpp"

#include <catch2/catch.hpp>

#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::engine;
using namespace std::chrono_literals;

namespace {

constexpr auto kPatience = 1000ms;
const TimePoint kStart = TimePoint{} + 1h;

struct Rig {
  explicit Rig(std::size_t count, Duration interval = 100ms) : series(count, interval, kPatience) {}

  /// Asks until there is nothing more to ask, each at its time.
  void askAll() {
    while (const auto question = series.pollQuestion(now, random)) {
      questions.push_back(*question);
      askedAt.push_back(now);
      now = series.nextAt();
    }
    now = askedAt.back();
  }

  test::SeededRandom random{7};
  PingSeries series;
  TimePoint now = kStart;
  std::vector<PingSeries::Question> questions;
  std::vector<TimePoint> askedAt;
};

}  // namespace

TEST_CASE("questions keep their distance", "[engine][ping]") {
  Rig rig{3};
  REQUIRE(rig.series.pollQuestion(kStart, rig.random));
  CHECK_FALSE(rig.series.pollQuestion(kStart, rig.random));
  CHECK(rig.series.nextAt() == kStart + 100ms);
  CHECK_FALSE(rig.series.pollQuestion(kStart + 99ms, rig.random));
  // One that is late does not make the next one early.
  REQUIRE(rig.series.pollQuestion(kStart + 500ms, rig.random));
  CHECK_FALSE(rig.series.pollQuestion(kStart + 599ms, rig.random));
  REQUIRE(rig.series.pollQuestion(kStart + 600ms, rig.random));
  CHECK_FALSE(rig.series.pollQuestion(kStart + 1h, rig.random));
  CHECK(rig.series.roundTrips().size() == 3);
}

TEST_CASE("answers in any order are timed, and what does not come is lost", "[engine][ping]") {
  Rig rig{3};
  rig.askAll();
  const TimePoint last = rig.askedAt.back();
  CHECK(rig.series.handleAnswer(last + 5ms, rig.questions[2]));
  CHECK(rig.series.handleAnswer(last + 7ms, rig.questions[0]));
  CHECK_FALSE(rig.series.isOver(last + kPatience - 1ms));
  CHECK(rig.series.nextAt() == last + kPatience);
  CHECK(rig.series.isOver(last + kPatience));
  CHECK(rig.series.answered() == 2);
  using Times = std::vector<std::optional<std::chrono::microseconds>>;
  CHECK(rig.series.roundTrips() == Times{207ms, std::nullopt, 5ms});
}

TEST_CASE("a series is over at its last answer", "[engine][ping]") {
  Rig rig{2};
  REQUIRE(rig.series.pollQuestion(kStart, rig.random));
  CHECK_FALSE(rig.series.isOver(kStart + 1h));  // nobody has asked the second one yet
  Rig all{2};
  all.askAll();
  CHECK(all.series.handleAnswer(all.now, all.questions[0]));
  CHECK_FALSE(all.series.isOver(all.now));
  CHECK(all.series.handleAnswer(all.now, all.questions[1]));
  CHECK(all.series.isOver(all.now));
}

TEST_CASE("what is no answer is not taken for one", "[engine][ping][hostile]") {
  Rig rig{2};
  CHECK_FALSE(rig.series.handleAnswer(kStart, PingSeries::Question{}));  // before any question
  rig.askAll();
  const auto wrong = [&](std::span<const std::uint8_t> bytes) {
    CHECK_FALSE(rig.series.handleAnswer(rig.now + 1ms, bytes));
    CHECK(rig.series.answered() == 0);
  };
  const PingSeries::Question good = rig.questions[1];
  for (std::size_t size = 0; size < good.size(); ++size) wrong(std::span{good}.first(size));
  std::vector<std::uint8_t> longer(good.begin(), good.end());
  longer.push_back(0);
  wrong(longer);
  wrong(std::vector<std::uint8_t>(65'507, 0xff));
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    PingSeries::Question damaged = good;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    wrong(damaged);
  }
  SECTION("twice is once") {
    CHECK(rig.series.handleAnswer(rig.now + 1ms, good));
    CHECK_FALSE(rig.series.handleAnswer(rig.now + 2ms, good));
    CHECK(rig.series.roundTrips()[1] == 1ms);
  }
  SECTION("too late is never") {
    CHECK_FALSE(rig.series.handleAnswer(rig.now + kPatience + 1us, good));
    CHECK(rig.series.handleAnswer(rig.now + kPatience, good));
  }
}

TEST_CASE("nobody can answer what he was not asked yet", "[engine][ping][hostile]") {
  Rig one{100, 10ms};
  one.askAll();
  for (std::size_t i = 1; i < one.questions.size(); ++i) {
    CHECK(std::equal(one.questions[i].begin(), one.questions[i].begin() + 7, one.questions[0].begin()));
    CHECK_FALSE(std::equal(one.questions[i].begin() + 8, one.questions[i].end(), one.questions[0].begin() + 8));
  }
}
