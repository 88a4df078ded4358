#include "base/heartbeat.hpp"

#include <catch2/catch.hpp>
#include <map>

using namespace chuantou;
using namespace std::chrono_literals;
using Action = Heartbeat::Action;

namespace {

constexpr Heartbeat::Times kTimes{4s, 9s};
constexpr TimePoint kStart{1000h};

/// A heartbeat and the other side, in virtual time: a question is answered after a round trip, unless the path is cut.
struct Path {
  Heartbeat heartbeat{kStart, kTimes};
  TimePoint now = kStart;
  Duration rtt = 50ms;
  bool cut = false;
  int asked = 0;
  std::optional<TimePoint> gaveUpAt;
  std::multimap<TimePoint, TimePoint> answers;  ///< when they come, to which question

  void ask() {
    ++asked;
    if (!cut) answers.emplace(now + rtt, now);
  }
  void doubt() {
    if (heartbeat.handleDoubt(now, rtt)) ask();
  }
  /// Runs until then, or until it gives up.
  void run(Duration span) {
    const TimePoint end = now + span;
    while (!gaveUpAt) {
      const TimePoint wake = heartbeat.wakeAt();
      const TimePoint next = answers.empty() ? wake : std::min(wake, answers.begin()->first);
      if (next > end) break;
      now = std::max(now, next);
      if (!answers.empty() && answers.begin()->first <= now) {
        if (!cut) heartbeat.handleAnswer(now, answers.begin()->second);
        answers.erase(answers.begin());
        continue;
      }
      poll();
    }
    if (!gaveUpAt) now = end;
  }
  void poll() {
    switch (heartbeat.poll(now)) {
      case Action::ask:
        return ask();
      case Action::giveUp:
        gaveUpAt = now;
        return;
      case Action::wait:
        return;
    }
  }
};

}  // namespace

TEST_CASE("a path that lives is asked once an interval, for ever", "[base][heartbeat]") {
  Path path;
  path.run(1h);
  CHECK_FALSE(path.gaveUpAt);
  CHECK(path.asked == 901);
}

TEST_CASE("answers that take longer than an interval are answers", "[base][heartbeat]") {
  Path path;
  path.rtt = 8s;
  path.run(1h);
  CHECK_FALSE(path.gaveUpAt);
  path.doubt();
  path.run(1h);
  CHECK_FALSE(path.gaveUpAt);
}

TEST_CASE("a cut is found within the time-out, whenever it happens", "[base][heartbeat]") {
  for (Duration at = 0s; at <= 12s; at += 50ms) {
    INFO("cut after " << std::chrono::duration_cast<Millis>(at).count() << " ms");
    Path path;
    path.run(at);
    path.cut = true;
    path.run(1h);
    REQUIRE(path.gaveUpAt);
    CHECK(*path.gaveUpAt - (kStart + at) <= kTimes.deadAfter);
  }
}

TEST_CASE("a doubt finds the cut within 3 s, and does no harm where there is none", "[base][heartbeat]") {
  for (const bool cut : {false, true}) {
    Path path;
    path.run(21s);
    path.cut = cut;
    path.run(300ms);
    path.doubt();
    CHECK(path.heartbeat.doubts());
    path.doubt();  // a second one changes nothing
    path.run(3s);
    CHECK(path.gaveUpAt.has_value() == cut);
    if (cut) CHECK(*path.gaveUpAt == kStart + 21300ms + Heartbeat::kPatience);
    if (cut) continue;
    CHECK_FALSE(path.heartbeat.doubts());
    path.run(1h);
    CHECK_FALSE(path.gaveUpAt);
  }
}

TEST_CASE("what waited here since before does not answer a doubt; what comes later does", "[base][heartbeat]") {
  for (const Duration after : {Duration{10ms}, Duration{500ms}}) {
    Path path;
    path.run(5s);
    path.cut = true;
    path.doubt();
    path.run(after);
    path.heartbeat.handleHeard(path.now);
    path.run(4s);
    CHECK(path.gaveUpAt.has_value() == (after < Heartbeat::kWaitedHere));
  }
}

TEST_CASE("an old answer does not end a doubt", "[base][heartbeat]") {
  Path path;
  path.run(5s);
  path.cut = true;
  path.doubt();
  path.heartbeat.handleAnswer(path.now + 1ms, path.now - 1s);
  CHECK(path.heartbeat.doubts());
  path.run(4s);
  CHECK(path.gaveUpAt);
}

TEST_CASE("a slow path has four round trips to answer a doubt", "[base][heartbeat]") {
  Path path;
  path.rtt = 2s;
  path.run(20s);
  path.cut = true;
  path.doubt();
  const TimePoint doubted = path.now;
  path.run(1h);
  CHECK(*path.gaveUpAt - doubted == 8s);
}

TEST_CASE("who was not running asks before it judges", "[base][heartbeat]") {
  for (const bool cut : {false, true}) {
    Path path;
    path.run(5s);
    path.now += 30s;  // stopped, and polled only now
    path.cut = cut;
    path.answers.clear();
    const int before = path.asked;
    path.poll();
    CHECK(path.asked == before + 1);
    CHECK(path.heartbeat.doubts());
    path.run(1min);
    CHECK(path.gaveUpAt.has_value() == cut);
    if (cut) CHECK(*path.gaveUpAt == kStart + 35s + Heartbeat::kPatience);
  }
}

TEST_CASE("who was stopped while it doubted asks again", "[base][heartbeat]") {
  Path path;
  path.run(5s);
  path.answers.clear();
  path.doubt();
  path.answers.clear();
  path.now += 20s;
  path.poll();
  CHECK_FALSE(path.gaveUpAt);
  CHECK(path.heartbeat.doubts());
  path.run(1min);
  CHECK_FALSE(path.gaveUpAt);
}
