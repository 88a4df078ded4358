#include "nat/gateway_epoch.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;
using namespace chuantou::nat;
using std::chrono::seconds;

TEST_CASE("a gateway's clock tells of its restarts", "[nat][epoch]") {
  struct Row {
    const char* what;
    int client;           ///< seconds that have passed here
    std::int64_t server;  ///< … there
    bool lost;
  };
  const Row rows[] = {
      {"the same answer again", 0, 0, false},
      {"as it should be", 100, 100, false},
      {"an answer that overtook another", 0, -1, false},
      {"back", 10, -2, true},
      {"to zero", 10, -1000, true},
      {"rounded", 1, 3, false},
      {"a little too fast", 160, 170, false},
      {"a little too slow", 160, 152, false},
      {"much too fast", 160, 200, true},
      {"much too slow", 160, 140, true},
      {"it stood still", 3600, 0, true},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    GatewayEpoch epoch;
    const TimePoint begin{};
    CHECK_FALSE(epoch.handleEpoch(begin, 1000));
    CHECK(epoch.handleEpoch(begin + seconds{row.client}, static_cast<std::uint32_t>(1000 + row.server)) == row.lost);
  }
}

TEST_CASE("after a restart the gateway's new clock counts", "[nat][epoch]") {
  GatewayEpoch epoch;
  TimePoint now{};
  CHECK_FALSE(epoch.handleEpoch(now, 50'000));
  CHECK(epoch.handleEpoch(now += seconds{60}, 5));
  CHECK_FALSE(epoch.handleEpoch(now += seconds{60}, 65));
  CHECK_FALSE(epoch.handleEpoch(now += seconds{600}, 665));
}
