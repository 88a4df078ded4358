// Who is counted together, and how often something may happen.
#include "base/allowance.hpp"

#include <catch2/catch.hpp>

#include "base/source.hpp"

using namespace chuantou;
using namespace std::chrono_literals;

TEST_CASE("a source is an IPv4 address or an IPv6 /64", "[base][allowance]") {
  const auto v6 = [](std::uint8_t network, std::uint8_t subnet, std::uint8_t host) {
    return Source::ofV6({0x20, 0x01, 0x0d, 0xb8, 0, 0, network, subnet, 0, 0, 0, 0, 0, 0, 0, host});
  };
  CHECK(v6(1, 1, 1) == v6(1, 1, 200));
  CHECK_FALSE(v6(1, 1, 1) == v6(1, 2, 1));
  CHECK_FALSE(v6(1, 1, 1) == v6(2, 1, 1));
  CHECK(Source::ofV6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 1, 2}) == Source::ofV4({10, 0, 1, 2}));
  CHECK_FALSE(Source::ofV4({10, 0, 1, 2}) == Source::ofV4({10, 0, 1, 3}));
  // ::/64 with the host 0:0:a00:102 is no mapped address, and ::a00:102/64 is not the number of 10.0.1.2.
  CHECK_FALSE(Source::ofV6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 1, 2}) == Source::ofV4({10, 0, 1, 2}));
  CHECK_FALSE(Source::ofV6({0, 0, 0, 0, 10, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1}) == Source::ofV4({10, 0, 1, 2}));
}

TEST_CASE("an allowance comes back with time", "[base][allowance]") {
  Allowance allowance{3};
  TimePoint now{1000h};
  for (int i = 0; i < 3; ++i) CHECK(allowance.take(now));
  CHECK_FALSE(allowance.take(now));
  CHECK(allowance.taken(now) == 3);
  CHECK_FALSE(allowance.take(now += 19s));
  CHECK(allowance.take(now += 2s));
  CHECK_FALSE(allowance.take(now));
  CHECK_FALSE(allowance.isWhole(now += 57s));
  CHECK(allowance.isWhole(now += 3s));
}
