#include "nat/port_lease.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "nat/lease_model.hpp"
#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::nat;
using std::chrono::hours;
using Seconds = PortLease::Seconds;

namespace {

const ExternalEndpoint kHere{*IpAddress::parse("198.51.100.1"), 7001};
const ExternalEndpoint kThere{*IpAddress::parse("198.51.100.1"), 7002};

/// A lease in virtual time; `requests` are the lifetimes that it asked for and when.
struct Bench {
  explicit Bench(Seconds wanted = Seconds{600}, std::uint64_t seed = 1) : random(seed), lease(wanted, random) {}

  void poll() {
    while (const auto lifetime = lease.pollRequest(now)) requests.push_back({now, *lifetime});
    while (const auto change = lease.pollChange()) changes.push_back(*change);
  }
  void start() {
    lease.start(now);
    poll();
  }
  void granted(const ExternalEndpoint& external = kHere, Seconds lifetime = Seconds{600}) {
    lease.handleGranted(now, external, lifetime);
    poll();
  }
  /// To the next request, or the end of `limit`. False: there was none.
  bool next(Duration limit = hours{24}) {
    const TimePoint end = now + limit;
    const std::size_t before = requests.size();
    while (requests.size() == before) {
      const auto at = lease.nextAt();
      if (!at || *at > end) {
        now = end;
        return false;
      }
      now = std::max(now, *at);
      poll();
    }
    return true;
  }
  double secondsSince(TimePoint then) const { return std::chrono::duration<double>(now - then).count(); }

  struct Request {
    TimePoint at;
    Seconds lifetime;
  };
  test::SeededRandom random;
  TimePoint now{hours{1}};
  PortLease lease;
  std::vector<Request> requests;
  std::vector<PortLease::Change> changes;
};

}  // namespace

TEST_CASE("a lease asks again, ever more seldom", "[nat][lease]") {
  Bench b;
  b.start();
  REQUIRE(b.requests.size() == 1);
  CHECK(b.requests[0].lifetime == Seconds{600});
  double expected = 0.25;
  for (int i = 0; i < 16; ++i) {
    const TimePoint last = b.now;
    REQUIRE(b.next());
    INFO(i);
    CHECK(b.secondsSince(last) >= expected * 0.89);
    CHECK(b.secondsSince(last) <= expected * 1.11);
    expected = std::min(expected * 2, 1024.0);
    CHECK(b.lease.isUnanswered() == (b.requests.size() >= std::size_t{PortLease::kPatience}));
  }
  CHECK(b.changes.empty());
}

TEST_CASE("a lease is renewed in the second half of its life", "[nat][lease]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Bench b{Seconds{600}, seed};
    b.start();
    b.granted();
    REQUIRE(b.changes == std::vector<PortLease::Change>{kHere});
    const TimePoint grantedAt = b.now;
    // The windows of RFC 6887, section 11.2.1.
    const double windows[][2] = {{300, 375}, {450, 487.5}, {525, 543.75}};
    for (const auto& window : windows) {
      REQUIRE(b.next());
      CHECK(b.secondsSince(grantedAt) >= window[0]);
      CHECK(b.secondsSince(grantedAt) <= window[1]);
    }
    b.granted();  // at last
    CHECK(b.changes.size() == 1);
    REQUIRE(b.next());
    CHECK(b.secondsSince(grantedAt) > 600);
  }
}

TEST_CASE("a lease that nobody renews is lost at its end", "[nat][lease]") {
  Bench b;
  b.start();
  b.granted();
  const TimePoint grantedAt = b.now;
  while (b.changes.size() == 1) REQUIRE(b.next());
  CHECK(b.changes.back() == std::nullopt);
  CHECK(b.secondsSince(grantedAt) == 600);
  CHECK(b.requests.back().at == b.now);  // and asked for again at once
  // Renewals come ever closer, but never closer than four seconds.
  for (std::size_t i = 2; i < b.requests.size(); ++i) {
    CHECK(b.requests[i].at - b.requests[i - 1].at >= (i + 1 < b.requests.size() ? Duration{Seconds{4}} : Duration{0}));
  }
  b.granted(kThere);
  CHECK(b.changes.back() == kThere);
}

TEST_CASE("a gateway's lifetimes are bounded", "[nat][lease]") {
  struct Row {
    long lifetime;
    double least;
    double most;
  };
  const Row rows[] = {{1, 4, 5}, {8, 4, 5}, {20, 10, 12.5}, {4'294'967'295, 12 * 3600.0, 15 * 3600.0}};
  for (const Row& row : rows) {
    INFO(row.lifetime);
    Bench b;
    b.start();
    b.granted(kHere, Seconds{row.lifetime});
    const TimePoint then = b.now;
    REQUIRE(b.next());
    CHECK(b.secondsSince(then) >= row.least);
    CHECK(b.secondsSince(then) <= row.most);
  }
  // The answer to a removal is no grant.
  Bench b;
  b.start();
  b.granted(kHere, Seconds{0});
  CHECK(b.changes.empty());
}

TEST_CASE("after a restart of the gateway it is asked at once, but not in a circle", "[nat][lease]") {
  Bench b;
  b.start();
  b.granted();
  b.now += Seconds{100};
  b.lease.handleReset(b.now);
  b.poll();
  CHECK(b.requests.size() == 2);
  CHECK(b.requests.back().at == b.now);
  CHECK(b.changes.size() == 1);  // until the answer comes
  b.granted(kThere);
  CHECK(b.changes.back() == kThere);
  // A gateway whose every answer speaks of a restart: one request a second.
  const TimePoint then = b.now;
  for (int i = 0; i < 10; ++i) {
    b.lease.handleReset(b.now);
    REQUIRE(b.next());
    b.granted(kThere);
  }
  CHECK(b.secondsSince(then) >= 10);
  // One that does not answer then is lost at the end of the last grant.
  b.lease.handleReset(b.now);
  const TimePoint lastGrant = b.now;
  while (b.lease.external()) REQUIRE(b.next());
  CHECK(b.secondsSince(lastGrant) >= 600);
  CHECK(b.changes.back() == std::nullopt);
}

TEST_CASE("a refusal stands for as long as the gateway says, within reason", "[nat][lease]") {
  struct Row {
    long said;
    double waited;
  };
  for (const Row& row : {Row{0, 30}, Row{60, 60}, Row{1'000'000, 1800}, Row{-5, 30}}) {
    INFO(row.said);
    Bench b;
    b.start();
    b.granted();
    b.lease.handleRefused(b.now, Seconds{row.said});
    b.poll();
    CHECK(b.lease.isRefused());
    CHECK(b.changes.back() == std::nullopt);
    const TimePoint then = b.now;
    REQUIRE(b.next());
    CHECK(b.secondsSince(then) == row.waited);
    b.granted();
    CHECK(b.changes.back() == kHere);
  }
}

TEST_CASE("a release is told three times at most", "[nat][lease]") {
  Bench b;
  b.start();
  b.granted();
  const TimePoint then = b.now += Seconds{10};
  b.lease.release(b.now);
  b.poll();
  while (b.next()) {
  }
  CHECK(b.lease.isOver());
  REQUIRE(b.requests.size() == 4);
  for (std::size_t i = 1; i < 4; ++i) CHECK(b.requests[i].lifetime == Seconds{0});
  CHECK(b.requests.back().at - then == Millis{500});

  SECTION("an answer ends it") {
    Bench c;
    c.start();
    c.granted();
    c.lease.release(c.now);
    c.poll();
    c.lease.handleGranted(c.now, kHere, Seconds{600});  // to an older request
    CHECK_FALSE(c.lease.isOver());
    c.lease.handleGranted(c.now, {}, Seconds{0});
    CHECK(c.lease.isOver());
    CHECK_FALSE(c.lease.nextAt());
  }
  SECTION("so does a refusal") {
    Bench c;
    c.start();
    c.granted();
    c.lease.release(c.now);
    c.poll();
    c.lease.handleRefused(c.now, Seconds{30});
    CHECK(c.lease.isOver());
  }
  SECTION("what was asked for may have been granted") {
    Bench c;
    c.start();
    c.lease.release(c.now);
    c.poll();
    CHECK(c.requests.back().lifetime == Seconds{0});
  }
  SECTION("what was never asked for is simply over") {
    Bench c;
    c.lease.release(c.now);
    c.poll();
    CHECK(c.lease.isOver());
    CHECK(c.requests.empty());
  }
}

namespace {
class RandomChoices final : public test::LeaseChoices {
 public:
  explicit RandomChoices(test::SeededRandom& random) : random_(random) {}
  std::size_t below(std::size_t limit) override { return random_.below(limit); }

 private:
  test::SeededRandom& random_;
};
}  // namespace

TEST_CASE("whatever a gateway does, a lease keeps its rules", "[nat][lease]") {
  test::SeededRandom random{test::testSeed("port lease")};
  RandomChoices choices{random};
  int over = 0;
  for (int run = 0; run < 2000; ++run) {
    test::LeaseModel model{choices};
    for (int step = 0; step < 200; ++step) model.step();
    over += model.over();
  }
  CHECK(over > 100);  // the model sees ends
}
