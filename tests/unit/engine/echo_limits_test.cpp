#include "engine/client/echo_limits.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;
using namespace chuantou::engine;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart = TimePoint{} + 1h;
ClientId idOf(const std::string& name) { return ClientId::parse(name).value(); }

/// How many of so many datagrams at once are answered.
std::size_t answered(EchoLimits& limits, TimePoint now, Allowance& flow, std::size_t count) {
  std::size_t out = 0;
  for (std::size_t i = 0; i < count; ++i) out += limits.mayAnswer(now, 16, flow) ? 1u : 0u;
  return out;
}

}  // namespace

TEST_CASE("a peer has few flows for its pings, and so have all", "[engine][ping]") {
  EchoLimits limits;
  for (std::size_t i = 0; i < EchoLimits::kMostFlowsOfPeer; ++i) CHECK(limits.enter(idOf("A")));
  CHECK_FALSE(limits.enter(idOf("A")));
  CHECK(limits.enter(idOf("B")));
  limits.leave(idOf("A"));
  CHECK(limits.enter(idOf("A")));
  CHECK_FALSE(limits.enter(idOf("A")));

  std::size_t others = 0;
  while (limits.enter(idOf("c-" + std::to_string(others)))) ++others;
  CHECK(limits.flows() == EchoLimits::kMostFlows);
  CHECK(others == EchoLimits::kMostFlows - EchoLimits::kMostFlowsOfPeer - 1);
  CHECK_FALSE(limits.enter(idOf("late")));
  limits.leave(idOf("nobody"));  // it never entered
  CHECK_FALSE(limits.enter(idOf("late")));
  limits.leave(idOf("c-0"));
  CHECK(limits.enter(idOf("late")));
}

TEST_CASE("only small datagrams are answered, and what is refused costs nothing", "[engine][ping][hostile]") {
  EchoLimits limits;
  Allowance flow{EchoLimits::kAnswersOfFlow};
  for (int i = 0; i < 10'000; ++i) {
    CHECK_FALSE(limits.mayAnswer(kStart, EchoLimits::kLargest + 1, flow));
    CHECK_FALSE(limits.mayAnswer(kStart, 65'507, flow));
  }
  CHECK(limits.mayAnswer(kStart, EchoLimits::kLargest, flow));
  CHECK(limits.mayAnswer(kStart, 0, flow));
}

TEST_CASE("a flow is answered so often, and all together", "[engine][ping][hostile]") {
  EchoLimits limits;
  Allowance flow{EchoLimits::kAnswersOfFlow};
  CHECK(answered(limits, kStart, flow, 100'000) == EchoLimits::kAnswersOfFlow);
  CHECK(answered(limits, kStart + 30s, flow, 100'000) == EchoLimits::kAnswersOfFlow / 2);

  EchoLimits crowd;
  std::size_t all = 0;
  for (int i = 0; i < 1000; ++i) {
    Allowance other{EchoLimits::kAnswersOfFlow};
    all += answered(crowd, kStart, other, 100'000);
  }
  CHECK(all == EchoLimits::kAnswers);
}
