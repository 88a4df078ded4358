#include "nat/lifetime_test.hpp"

#include <algorithm>

namespace chuantou::nat {

namespace {

/// Where NATs differ: 30 s is Linux's for one direction, 2 min what RFC 4787 asks for at least, 5 min what it recommends.
constexpr int kLadder[] = {5, 10, 15, 20, 25, 30, 35, 45, 60, 90, 120, 150, 180, 300};
constexpr std::uint32_t kAttempts = 6;
constexpr std::uint32_t kControls = 4;  ///< plain answers that make silence an end
constexpr Millis kRound{250};
constexpr Millis kLastWait{1'000};
constexpr Pace kPace{Millis{250}};  ///< there is time

}  // namespace

LifetimeTest::LifetimeTest(TimePoint now, const UdpAddress& server, std::chrono::seconds longest) : server_(server) {
  longest = std::max(longest, std::chrono::seconds{1});
  rungs_.emplace_back(std::chrono::seconds{0});
  for (const int wait : kLadder) {
    if (std::chrono::seconds{wait} < longest) rungs_.emplace_back(std::chrono::seconds{wait});
  }
  rungs_.emplace_back(longest);
  for (std::size_t i = 0; i < rungs_.size(); ++i) rungs_[i].query.emplace(i + 1, server, kPace, now);
  advance(now);
}

std::optional<LifetimeTest::Lifetime> LifetimeTest::lifetime() const {
  std::optional<std::chrono::seconds> alive;
  for (const Rung& rung : rungs_) {
    if (rung.state == State::alive) alive = rung.wait;
  }
  Lifetime out;
  if (alive) out.atLeast = *alive;
  for (const Rung& rung : rungs_) {
    if (rung.state != State::dead || rung.wait <= out.atLeast) continue;
    out.below = rung.wait;
    break;
  }
  if (method_ == Method::responsePort) return alive ? std::optional{out} : std::nullopt;
  // The same port again proves nothing, unless a later one was another.
  return out.below > std::chrono::seconds{0} ? std::optional{out} : std::nullopt;
}

void LifetimeTest::handleAnswer(TimePoint now, const ProbeAnswer& answer) {
  if (done_ || answer.id >= sent_.size() || answer.from != server_) return;
  const Sent sent = sent_[answer.id];
  Rung& rung = rungs_[sent.rung];
  switch (sent.kind) {
    case Kind::query:
      if (answer.socket != sent.rung + 1 || rung.over()) break;
      if (rung.state == State::opening) {
        rung.mapped = answer.mapped;
        rung.state = State::resting;
        rung.query.reset();
      } else if (rung.state == State::asking) {
        rung.state = answer.mapped == rung.mapped ? State::alive : State::dead;
        rung.query.reset();
      }
      if (rung.state == State::resting) rung.restedSince = now;  // an answer keeps a mapping, too
      break;
    case Kind::plain:
      ++rung.controls;
      break;
    case Kind::toPort:
      if (answer.socket == 0) {
        noResponsePort(now);
      } else if (answer.socket == sent.rung + 1 && rung.state == State::asking) {
        rung.state = State::alive;
        if (sent.rung == 0) method_ = Method::responsePort;
      }
      break;
  }
  advance(now);
}

void LifetimeTest::handleErrorResponse(TimePoint now, std::uint32_t id) {
  if (done_ || id >= sent_.size()) return;
  if (sent_[id].kind == Kind::toPort) noResponsePort(now);
  advance(now);
}

/// The server answers to where it was asked from, or not at all.
void LifetimeTest::noResponsePort(TimePoint now) {
  if (method_ != Method::unknown) return;
  method_ = Method::again;
  rungs_.front().state = State::unknown;
  advance(now);
}

void LifetimeTest::send(TimePoint now, Kind kind, std::size_t rung, Probe probe) {
  probe.id = static_cast<std::uint32_t>(sent_.size());
  sent_.push_back({kind, rung, now});
  outgoing_.push_back(probe);
}

void LifetimeTest::advance(TimePoint now) {
  if (done_) return;
  for (std::size_t i = 0; i < rungs_.size(); ++i) advanceRung(now, i);
  if (rungs_.front().over() && method_ == Method::unknown) return noResponsePort(now);
  finishIfKnown();
}

void LifetimeTest::advanceRung(TimePoint now, std::size_t index) {
  Rung& rung = rungs_[index];
  if (rung.query) {
    Drafts drafts;
    rung.query->advance(now, drafts);
    for (const Draft& draft : drafts) send(now, Kind::query, index, draft.probe);
    if (rung.query->closed()) rung.state = State::unknown;
    if (rung.over()) rung.query.reset();
  }
  // Nobody's time comes before it is known how to ask.
  const bool knows = index == 0 || method_ != Method::unknown;
  if (rung.state == State::resting && knows && now >= rung.restedSince + rung.wait) {
    rung.state = State::asking;
    rung.next = now;
    if (method_ == Method::again) {
      rung.query.emplace(index + 1, server_, kPace, now);
      return advanceRung(now, index);
    }
  }
  if (rung.state == State::asking && !rung.query && now >= rung.next) ask(now, index);
}

void LifetimeTest::ask(TimePoint now, std::size_t index) {
  Rung& rung = rungs_[index];
  if (rung.attempts == kAttempts) {
    if (index == 0) return noResponsePort(now);
    rung.state = rung.controls >= kControls ? State::dead : State::unknown;
    return;
  }
  Probe probe;
  probe.to = server_;
  send(now, Kind::plain, index, probe);
  probe.responsePort = rung.mapped.port;
  send(now, Kind::toPort, index, probe);
  rung.next = now + (++rung.attempts < kAttempts ? kRound : kLastWait);
}

void LifetimeTest::finishIfKnown() {
  bool allOver = true;  // of those before
  for (const Rung& rung : rungs_) {
    allOver = allOver && rung.over();
    if (allOver && rung.state == State::dead) break;  // what waits longer is dead as well
    if (!allOver) return;
  }
  done_ = true;
}

std::optional<Probe> LifetimeTest::pollSend() {
  if (done_ || nextOut_ == outgoing_.size()) {
    outgoing_.clear();
    nextOut_ = 0;
    return std::nullopt;
  }
  return outgoing_[nextOut_++];
}

TimePoint LifetimeTest::pollTimeout() const {
  if (done_) return kNever;
  TimePoint due = kNever;
  for (std::size_t i = 0; i < rungs_.size(); ++i) {
    const Rung& rung = rungs_[i];
    if (rung.query) due = std::min(due, rung.query->due());
    const bool knows = i == 0 || method_ != Method::unknown;
    if (rung.state == State::resting && knows) due = std::min(due, rung.restedSince + rung.wait);
    if (rung.state == State::asking && !rung.query) due = std::min(due, rung.next);
  }
  return due;
}

}  // namespace chuantou::nat
