#include "relay/admission.hpp"

#include <utility>

namespace chuantou::relay {

namespace {

constexpr std::size_t kShortageShare = 8;  ///< of the unproved, one in so many goes at a shortage

std::uint64_t numberOf(PeerId peer) { return static_cast<std::uint64_t>(peer); }

}  // namespace

Admission::Admission(AdmissionLimits limits, RandomSource& random)
    : limits_(limits), random_(random), sources_(16, SourceHash{random}) {
  limits_.maxPending = std::max<std::size_t>(limits_.maxPending, 1);
  limits_.maxPendingPerSource = std::max<std::size_t>(limits_.maxPendingPerSource, 1);
}

Admission::SourceState& Admission::stateOf(const Source& from) {
  return sources_
      .try_emplace(from, SourceState{{},
                                     0,
                                     Allowance{limits_.maxRegistrationsPerMinute},
                                     Allowance{limits_.maxAuthFailuresPerMinute},
                                     false})
      .first->second;
}

bool Admission::isUnproved(PeerId peer) const {
  const auto it = peers_.find(numberOf(peer));
  return it != peers_.end() && !it->second.registered;
}

/// From never at half of the limit to always at the limit.
bool Admission::chance(std::size_t count, std::size_t limit) {
  const std::size_t half = limit / 2;
  if (count <= half) return false;
  if (count >= limit) return true;
  return random_.next() % (limit - half) < count - half;
}

PeerId Admission::choose(const std::vector<PeerId>& among) {
  const PeerId one = among[random_.next() % among.size()];
  const PeerId other = among[random_.next() % among.size()];
  // Of two the one that came first: an honest newcomer in a crowd of n is then hit once in n * n times.
  return peers_.at(numberOf(one)).arrival <= peers_.at(numberOf(other)).arrival ? one : other;
}

std::optional<PeerId> Admission::relieve(TimePoint now, const std::vector<PeerId>& crowd, std::size_t limit) {
  if (!chance(crowd.size(), limit)) return std::nullopt;
  const PeerId one = choose(crowd);
  if (crowd.size() < limit && now < peers_.at(numberOf(one)).since + kAdmissionGrace) return std::nullopt;
  return one;
}

void Admission::handleAccepted(TimePoint now, PeerId id, const Source& from) {
  // A source's own pressure is relieved by its own; with the place that one leaves there is room for all as well.
  std::optional<PeerId> goes;
  const auto known = sources_.find(from);
  if (known != sources_.end() && known->second.registered == 0) {
    goes = relieve(now, known->second.unproved, limits_.maxPendingPerSource);
  }
  if (goes) {
    ++stats_.droppedPerSource;
  } else if ((goes = relieve(now, unproved_, limits_.maxPending))) {
    ++stats_.droppedEarly;
  }
  if (goes) drop(now, *goes);
  SourceState& state = stateOf(from);
  Peer peer;
  peer.from = from;
  peer.since = now;
  peer.arrival = ++arrivals_;
  peer.place = unproved_.size();
  peer.placeInSource = state.unproved.size();
  if (!peers_.try_emplace(numberOf(id), peer).second) return;
  unproved_.push_back(id);
  state.unproved.push_back(id);
}

void Admission::handleShortage(TimePoint now) {
  if (unproved_.empty()) return;
  for (std::size_t left = unproved_.size() / kShortageShare + 1; left > 0; --left) {
    ++stats_.droppedEarly;
    drop(now, choose(unproved_));
    if (unproved_.empty()) return;
  }
}

void Admission::drop(TimePoint now, PeerId peer) {
  drops_.push_back(peer);
  handleClosed(now, peer);
}

void Admission::leaveUnproved(PeerId id, Peer& peer, SourceState& state) {
  const auto leave = [this, id](std::vector<PeerId>& all, std::size_t Peer::* place) {
    const std::size_t hole = peers_.at(numberOf(id)).*place;
    all[hole] = all.back();
    peers_.at(numberOf(all[hole])).*place = hole;
    all.pop_back();
  };
  leave(unproved_, &Peer::place);
  leave(state.unproved, &Peer::placeInSource);
  peer.place = peer.placeInSource = 0;
}

void Admission::handleProved(TimePoint now, PeerId id) {
  if (isUnproved(id)) handleClosed(now, id);
}

Admission::Verdict Admission::handleRegisterAttempt(TimePoint now, PeerId id, bool again) {
  const auto it = peers_.find(numberOf(id));
  if (it == peers_.end() || it->second.registered) return Verdict::welcome;  // the broker knows what to say
  SourceState& state = stateOf(it->second.from);
  if (state.failures.isSpent(now)) {
    ++stats_.refusedGuesses;
    return Verdict::tooManyFailures;
  }
  // Asking for the challenge and answering it are one attempt.
  if (!std::exchange(it->second.attempted, true) && !state.attempts.take(now)) {
    ++stats_.refusedRegistrations;
    return Verdict::tooManyAttempts;
  }
  if (!again && state.registered >= limits_.maxClientsPerSource) {
    ++stats_.refusedClients;
    return Verdict::tooManyClients;
  }
  return Verdict::welcome;
}

void Admission::handleAuthFailure(TimePoint now, PeerId id) {
  const auto it = peers_.find(numberOf(id));
  if (it != peers_.end()) stateOf(it->second.from).failures.take(now);
}

void Admission::handleRegistered(TimePoint, PeerId id) {
  const auto it = peers_.find(numberOf(id));
  if (it == peers_.end() || it->second.registered) return;
  SourceState& state = stateOf(it->second.from);
  leaveUnproved(id, it->second, state);
  it->second.registered = true;
  ++state.registered;
}

void Admission::handleClosed(TimePoint now, PeerId id) {
  const auto it = peers_.find(numberOf(id));
  if (it == peers_.end()) return;
  const Source from = it->second.from;
  SourceState& state = stateOf(from);
  if (it->second.registered) {
    --state.registered;
  } else {
    leaveUnproved(id, it->second, state);
  }
  peers_.erase(it);
  forgetIfIdle(now, from);
}

void Admission::forgetIfIdle(TimePoint now, const Source& from) {
  const auto it = sources_.find(from);
  SourceState& state = it->second;
  if (!state.unproved.empty() || state.registered > 0) return;
  if (state.attempts.isWhole(now) && state.failures.isWhole(now)) {
    if (!state.resting) sources_.erase(it);
    return;
  }
  if (std::exchange(state.resting, true)) return;
  resting_.push_back(from);
  if (resting_.size() <= limits_.maxRestingSources) return;
  const auto oldest = sources_.find(resting_.front());
  resting_.pop_front();
  oldest->second.resting = false;
  if (oldest->second.unproved.empty() && oldest->second.registered == 0) sources_.erase(oldest);
}

void Admission::handleTick(TimePoint now) {
  // Everything comes back within a minute, so that a look at each of them now and then is enough.
  constexpr std::size_t kATick = 4'096;
  for (std::size_t looks = std::min(resting_.size(), kATick); looks > 0; --looks) {
    const Source from = resting_.front();
    resting_.pop_front();
    sources_.find(from)->second.resting = false;
    forgetIfIdle(now, from);
  }
}

std::optional<PeerId> Admission::pollDrop() {
  if (drops_.empty()) return std::nullopt;
  const PeerId peer = drops_.front();
  drops_.pop_front();
  return peer;
}

Admission::Most Admission::most(TimePoint now) {
  Most out;
  for (auto& [from, state] : sources_) {
    if (state.registered == 0) out.pending = std::max(out.pending, state.unproved.size());
    out.clients = std::max(out.clients, state.registered);
    out.registrations = std::max(out.registrations, state.attempts.taken(now));
    out.authFailures = std::max(out.authFailures, state.failures.taken(now));
  }
  return out;
}

}  // namespace chuantou::relay
