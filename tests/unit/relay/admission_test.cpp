// Who is let in, who has to go for others, and what is forgotten when.
#include "relay/admission.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <set>

#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::relay;
using namespace std::chrono_literals;
using chuantou::test::SeededRandom;
using Verdict = Admission::Verdict;

namespace {

constexpr TimePoint kStart{1000h};

Source v4(unsigned number) { return Source::ofV4({10, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}); }

std::vector<PeerId> dropsOf(Admission& admission) {
  std::vector<PeerId> out;
  while (const auto peer = admission.pollDrop()) out.push_back(*peer);
  return out;
}

AdmissionLimits limitsOf(std::size_t pending, std::size_t perSource) {
  AdmissionLimits limits;
  limits.maxPending = pending;
  limits.maxPendingPerSource = perSource;
  return limits;
}

}  // namespace

TEST_CASE("below half of the limit nobody is dropped, at the limit somebody always is", "[relay][admission]") {
  SeededRandom random{1};
  Admission admission{limitsOf(100, 1000), random};
  std::uint64_t last = 0;
  const auto accept = [&] {
    ++last;
    admission.handleAccepted(kStart, PeerId{last}, v4(static_cast<unsigned>(last % 7)));
  };
  for (int i = 0; i <= 50; ++i) accept();
  CHECK(dropsOf(admission).empty());
  for (int i = 0; i < 10'000; ++i) {
    accept();
    CHECK(dropsOf(admission).size() <= 1);
    REQUIRE(admission.pending() <= 100);
  }
  CHECK(admission.pending() == 100);  // all are young, so that nobody goes before the limit
  CHECK(admission.stats().droppedEarly == last - admission.pending());
  CHECK(admission.stats().droppedPerSource == 0);
}

TEST_CASE("between, chance takes those that have been there for a while", "[relay][admission]") {
  SeededRandom random{8};
  Admission admission{limitsOf(100, 1000), random};
  std::uint64_t last = 0;
  for (; last < 74;) admission.handleAccepted(kStart, PeerId{++last}, v4(1));
  admission.handleAccepted(kStart + kAdmissionGrace - 1ms, PeerId{++last}, v4(1));
  CHECK(dropsOf(admission).empty());
  std::size_t dropped = 0;
  for (int i = 0; i < 1000; ++i) {  // of 75, where the chance is a half
    const PeerId newcomer{++last};
    admission.handleAccepted(kStart + 5s, newcomer, v4(1));
    const auto gone = dropsOf(admission);
    dropped += gone.size();
    admission.handleClosed(kStart + 5s, newcomer);
    if (!gone.empty()) admission.handleAccepted(kStart, PeerId{++last}, v4(1));  // as old as the one that went
    CHECK(dropsOf(admission).size() <= 1);
  }
  CHECK(dropped > 300);
  CHECK(dropped < 700);
}

TEST_CASE("a source with a registered client may have bursts", "[relay][admission]") {
  SeededRandom random{9};
  Admission admission{limitsOf(1000, 20), random};
  admission.handleAccepted(kStart, PeerId{1}, v4(1));
  admission.handleRegistered(kStart, PeerId{1});
  for (std::uint64_t id = 2; id < 500; ++id) admission.handleAccepted(kStart, PeerId{id}, v4(1));
  CHECK(dropsOf(admission).empty());
  CHECK(admission.most(kStart).pending == 0);
  admission.handleClosed(kStart, PeerId{1});
  CHECK(admission.most(kStart).pending == 498);  // from now on each that comes takes the place of one
  admission.handleAccepted(kStart, PeerId{500}, v4(1));
  CHECK(dropsOf(admission).size() == 1);
}

TEST_CASE("the crowd of one source presses upon itself only", "[relay][admission]") {
  SeededRandom random{2};
  Admission admission{limitsOf(1000, 20), random};
  std::uint64_t last = 0;
  for (; last < 10;) admission.handleAccepted(kStart, PeerId{++last}, v4(1));
  for (int i = 0; i < 1000; ++i) admission.handleAccepted(kStart, PeerId{++last}, v4(2));
  for (const PeerId gone : dropsOf(admission)) CHECK(static_cast<std::uint64_t>(gone) > 10);
  for (std::uint64_t id = 1; id <= 10; ++id) CHECK(admission.isUnproved(PeerId{id}));
  CHECK(admission.most(kStart).pending <= 20);
  CHECK(admission.stats().droppedEarly == 0);
  CHECK(admission.stats().droppedPerSource > 900);
}

TEST_CASE("a newcomer survives a flood for as long as an honest one needs", "[relay][admission]") {
  SeededRandom random{3};
  Admission admission{limitsOf(1000, 1'000'000), random};
  std::uint64_t last = 0;
  for (int i = 0; i < 5000; ++i) admission.handleAccepted(kStart, PeerId{++last}, v4(1));
  dropsOf(admission);
  int lost = 0;
  for (int round = 0; round < 2000; ++round) {
    const PeerId honest{++last};
    admission.handleAccepted(kStart, honest, v4(1));
    for (int i = 0; i < 10; ++i) admission.handleAccepted(kStart, PeerId{++last}, v4(1));  // ten come before its first bytes
    dropsOf(admission);
    if (!admission.isUnproved(honest)) ++lost;
    admission.handleProved(kStart, honest);
  }
  CHECK(lost <= 3);  // 1 in 10,000 is expected, since the older of two goes; if any one went it would be 1 in 100
}

TEST_CASE("what has proved itself is not dropped", "[relay][admission]") {
  SeededRandom random{4};
  Admission admission{limitsOf(4, 4), random};
  CHECK(admission.handleRegisterAttempt(kStart, PeerId{1}, false) == Verdict::welcome);  // never heard of
  admission.handleAccepted(kStart, PeerId{1}, v4(1));
  admission.handleRegistered(kStart, PeerId{1});
  admission.handleRegistered(kStart, PeerId{1});
  admission.handleAccepted(kStart, PeerId{2}, v4(1));
  admission.handleProved(kStart, PeerId{2});
  CHECK(admission.pending() == 0);
  admission.handleShortage(kStart);
  for (std::uint64_t id = 10; id < 100; ++id) admission.handleAccepted(kStart, PeerId{id}, v4(1));
  for (const PeerId gone : dropsOf(admission)) CHECK(static_cast<std::uint64_t>(gone) >= 10);
  CHECK(admission.most(kStart).clients == 1);
  admission.handleProved(kStart, PeerId{1});  // has no meaning for a registered one
  CHECK(admission.most(kStart).clients == 1);
  admission.handleClosed(kStart, PeerId{1});
  admission.handleClosed(kStart, PeerId{1});
  CHECK(admission.most(kStart).clients == 0);
}

TEST_CASE("a shortage takes some of the unproved, at least one", "[relay][admission]") {
  SeededRandom random{5};
  Admission admission{limitsOf(1000, 1000), random};
  admission.handleShortage(kStart);
  CHECK(dropsOf(admission).empty());
  for (std::uint64_t id = 1; id <= 80; ++id) admission.handleAccepted(kStart, PeerId{id}, v4(1));
  admission.handleShortage(kStart);
  CHECK(dropsOf(admission).size() == 11);
  for (int i = 0; i < 100; ++i) admission.handleShortage(kStart);
  CHECK(dropsOf(admission).size() == 69);
  CHECK(admission.sources() == 0);
}

TEST_CASE("registrations of a source: clients, attempts, failures", "[relay][admission]") {
  SeededRandom random{6};
  AdmissionLimits limits;
  limits.maxClientsPerSource = 2;
  limits.maxRegistrationsPerMinute = 6;
  limits.maxAuthFailuresPerMinute = 3;
  Admission admission{limits, random};
  TimePoint now = kStart;
  std::uint64_t last = 0;
  const auto attempt = [&](unsigned source, bool again = false) {
    admission.handleAccepted(now, PeerId{++last}, v4(source));
    return admission.handleRegisterAttempt(now, PeerId{last}, again);
  };

  CHECK(attempt(1) == Verdict::welcome);
  CHECK(admission.handleRegisterAttempt(now, PeerId{last}, false) == Verdict::welcome);  // with the proof: the same attempt
  admission.handleRegistered(now, PeerId{last});
  CHECK(attempt(1) == Verdict::welcome);
  admission.handleRegistered(now, PeerId{last});
  CHECK(attempt(1) == Verdict::tooManyClients);
  CHECK(attempt(1, true) == Verdict::welcome);
  CHECK(attempt(2) == Verdict::welcome);

  for (int i = 0; i < 3; ++i) {
    CHECK(attempt(3) == Verdict::welcome);
    admission.handleAuthFailure(now, PeerId{last});
  }
  CHECK(attempt(3) == Verdict::tooManyFailures);
  CHECK(attempt(2) == Verdict::welcome);
  now += 21s;
  CHECK(attempt(3) == Verdict::welcome);

  for (int i = 0; i < 6; ++i) CHECK(attempt(4) == Verdict::welcome);
  CHECK(attempt(4) == Verdict::tooManyAttempts);
  CHECK(attempt(5) == Verdict::welcome);
  now += 10s;
  CHECK(attempt(4) == Verdict::welcome);
  CHECK(attempt(4) == Verdict::tooManyAttempts);
  CHECK(admission.stats().refusedClients == 1);
  CHECK(admission.stats().refusedGuesses == 1);
  CHECK(admission.stats().refusedRegistrations == 2);
  CHECK(admission.most(now).registrations == 6);
}

TEST_CASE("a source is forgotten when nothing is left to remember", "[relay][admission]") {
  SeededRandom random{7};
  AdmissionLimits limits;
  limits.maxRestingSources = 10;
  Admission admission{limits, random};
  admission.handleAccepted(kStart, PeerId{1}, v4(1));
  CHECK(admission.sources() == 1);
  admission.handleClosed(kStart, PeerId{1});
  CHECK(admission.sources() == 0);

  const auto visit = [&](std::uint64_t id, unsigned source) {
    admission.handleAccepted(kStart, PeerId{id}, v4(source));
    admission.handleRegisterAttempt(kStart, PeerId{id}, false);
    admission.handleAuthFailure(kStart, PeerId{id});
    admission.handleClosed(kStart, PeerId{id});
  };
  visit(2, 1);
  CHECK(admission.sources() == 1);
  CHECK(admission.most(kStart).authFailures == 1);
  admission.handleTick(kStart + 500ms);
  CHECK(admission.sources() == 1);
  admission.handleTick(kStart + 61s);
  CHECK(admission.sources() == 0);
  for (unsigned source = 0; source < 1000; ++source) visit(100 + source, source);
  CHECK(admission.sources() == 10);
}

TEST_CASE("any order of events: counts stay within the limits, and registered ones stay", "[relay][admission]") {
  SeededRandom random{chuantou::test::testSeed("admission")};
  for (int run = 0; run < 30; ++run) {
    AdmissionLimits limits = limitsOf(1 + random.below(40), 1 + random.below(20));
    limits.maxClientsPerSource = 1 + random.below(10);
    limits.maxRegistrationsPerMinute = 1 + random.below(100);
    limits.maxAuthFailuresPerMinute = 1 + random.below(20);
    limits.maxRestingSources = 5;
    Admission admission{limits, random};
    struct Model {
      unsigned source;
      bool registered;
    };
    std::map<std::uint64_t, Model> model;
    TimePoint now = kStart;
    std::uint64_t last = 0;
    for (int step = 0; step < 3000; ++step) {
      now += std::chrono::milliseconds{random.below(100)};
      const std::uint64_t id = last == 0 ? 1 : last - random.below(std::min<std::size_t>(last, 60));
      const PeerId peer{id};
      std::optional<unsigned> arrived;
      std::map<unsigned, std::size_t> before;
      for (const auto& [number, entry] : model) before[entry.source] += !entry.registered;
      const auto it = model.find(id);
      switch (random.below(9)) {
        case 0:
        case 1:
        case 2:
        case 3: {
          const auto source = static_cast<unsigned>(random.below(6));
          admission.handleAccepted(now, PeerId{++last}, v4(source));
          model[last] = {source, false};
          arrived = source;
          break;
        }
        case 4: {
          if (it != model.end() && it->second.registered) break;
          std::size_t same = 0;
          for (const auto& [other, entry] : model) same += it != model.end() && entry.registered && entry.source == it->second.source;
          const Verdict verdict = admission.handleRegisterAttempt(now, peer, false);
          if (it == model.end()) break;
          if (verdict == Verdict::welcome) {
            REQUIRE(same < limits.maxClientsPerSource);
            admission.handleRegistered(now, peer);
            it->second.registered = true;
          }
          break;
        }
        case 5:
          admission.handleAuthFailure(now, peer);
          break;
        case 6:
          admission.handleProved(now, peer);
          if (it != model.end() && !it->second.registered) model.erase(it);
          break;
        case 7:
          admission.handleClosed(now, peer);
          if (it != model.end()) model.erase(it);
          break;
        default:
          if (random.below(10) == 0) admission.handleShortage(now);
          admission.handleTick(now);
      }
      for (const PeerId gone : dropsOf(admission)) {
        const auto victim = model.find(static_cast<std::uint64_t>(gone));
        REQUIRE(victim != model.end());
        REQUIRE_FALSE(victim->second.registered);
        model.erase(victim);
      }
      std::map<unsigned, std::size_t> pending, clients;
      std::size_t all = 0;
      std::set<unsigned> present;
      for (const auto& [number, entry] : model) {
        REQUIRE(admission.isUnproved(PeerId{number}) == !entry.registered);
        ++(entry.registered ? clients : pending)[entry.source];
        all += !entry.registered;
        present.insert(entry.source);
      }
      const Admission::Most most = admission.most(now);
      std::size_t mostPending = 0, mostClients = 0;
      for (const auto& [source, count] : pending) {
        if (clients.count(source) == 0) mostPending = std::max(mostPending, count);
      }
      if (arrived && clients.count(*arrived) == 0) {
        REQUIRE(pending[*arrived] <= std::max(limits.maxPendingPerSource, before[*arrived]));
      }
      for (const auto& [source, count] : clients) mostClients = std::max(mostClients, count);
      REQUIRE(admission.pending() == all);
      REQUIRE(all <= limits.maxPending);
      REQUIRE(most.pending == mostPending);
      REQUIRE(most.clients == mostClients);
      REQUIRE(most.registrations <= limits.maxRegistrationsPerMinute);
      REQUIRE(most.authFailures <= limits.maxAuthFailuresPerMinute);
      REQUIRE(admission.sources() >= present.size());
      REQUIRE(admission.sources() <= present.size() + limits.maxRestingSources);
    }
  }
}
