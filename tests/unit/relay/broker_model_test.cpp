// The broker against its model: many clients, 400,000 events in random order.
#include "relay/broker_model.hpp"

#include <catch2/catch.hpp>

using namespace chuantou::relay::test;

namespace {

class RandomChoices final : public Choices {
 public:
  explicit RandomChoices(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t limit) override { return random_.below(limit); }

 private:
  chuantou::test::SeededRandom random_;
};

void run(BrokerModel::Rules rules, std::uint64_t seed, int steps) {
  BrokerModel model{rules, seed};
  RandomChoices choices{seed};
  for (int step = 0; step < steps; ++step) model.step(choices);
  model.finish();
  // Whatever the seed, every kind of event has happened often.
  const auto& counts = model.counts();
  CAPTURE(rules.token, rules.keyless, counts.registrations, counts.takeovers, counts.sessions, counts.pairs, counts.udp,
          counts.dropped, counts.ended, counts.closed, counts.owned, counts.revoked, counts.toldAgain);
  for (const std::size_t count :
       {counts.registrations, counts.sessions, counts.pairs, counts.udp, counts.dropped, counts.ended, counts.closed}) {
    CHECK(count > static_cast<std::size_t>(steps) / 1000);
  }
  CHECK(counts.takeovers > 10);
  CHECK(counts.owned > 50);
  CHECK(counts.toldAgain > 5);
  if (rules.token) CHECK(counts.revoked > 50);
}

}  // namespace

TEST_CASE("the broker does what its model does", "[relay][broker][model]") {
  const std::uint64_t seed = chuantou::test::testSeed("broker model");
  CHECK_NOTHROW(run({false, true}, seed, 100'000));
  CHECK_NOTHROW(run({true, true}, seed + 1, 100'000));
  CHECK_NOTHROW(run({false, false}, seed + 2, 100'000));
  CHECK_NOTHROW(run({true, false}, seed + 3, 100'000));
}

TEST_CASE("short lives leave nothing behind", "[relay][broker][model]") {
  const std::uint64_t seed = chuantou::test::testSeed("broker model, short");
  for (std::uint64_t i = 0; i < 300; ++i) {
    INFO("seed " << seed + i);
    RandomChoices choices{seed + i};
    CHECK_NOTHROW([&] {
      BrokerModel model{{choices.oneIn(2), choices.oneIn(2)}, seed + i};
      for (std::size_t steps = choices.below(300); steps > 0; --steps) model.step(choices);
      model.finish();
    }());
  }
}
