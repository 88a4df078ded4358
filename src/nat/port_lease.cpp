#include "nat/port_lease.hpp"

#include <algorithm>

namespace chuantou::nat {

void PortLease::start(TimePoint now) {
  state_ = State::asking;
  tries_ = 0;
  nextAt_ = now;
}

/// Twice as long each time, a tenth more or less (RFC 6887, section 8.1.1).
Duration PortLease::retryAfter() {
  const int doublings = std::min(tries_, 12);
  const Millis wait = std::min<Millis>(kFirstRetry * (1 << doublings), kMaxRetry);
  const auto tenth = static_cast<std::uint64_t>(wait.count() / 10);
  return wait - Millis{static_cast<Millis::rep>(tenth)} +
         Millis{static_cast<Millis::rep>(random_->next() % (2 * tenth + 1))};
}

/// Renewals begin at a half, three quarters, seven eighths … of the lifetime, each at a random point of the eighth, the
/// sixteenth … that follows, so that the clients of a gateway do not come all at once (RFC 6887, section 11.2.1).
void PortLease::planRenewal(TimePoint now) {
  const int step = std::min(renewals_, 16);
  const Millis life = lifetime_;
  const Millis remaining = life / (2 << step);
  const auto spread = static_cast<std::uint64_t>((remaining / 4).count());
  const Millis after = life - remaining + Millis{static_cast<Millis::rep>(random_->next() % (spread + 1))};
  nextAt_ = std::max<TimePoint>(grantedAt_ + after, now + kMinRenewal);
}

void PortLease::handleGranted(TimePoint now, const ExternalEndpoint& external, Seconds lifetime) {
  if (lifetime.count() <= 0) {  // the answer to a removal
    if (state_ == State::releasing) state_ = State::over;
    return;
  }
  if (state_ != State::asking && state_ != State::held) return;
  state_ = State::held;
  tries_ = 0;
  renewals_ = 0;
  grantedAt_ = now;
  lifetime_ = std::clamp<Seconds>(lifetime, 2 * kMinRenewal, kMaxLifetime);
  planRenewal(now);
  if (external_ == external) return;
  external_ = external;
  changes_.push_back(external_);
}

void PortLease::lose() {
  if (!external_) return;
  external_.reset();
  changes_.push_back(std::nullopt);
}

void PortLease::handleRefused(TimePoint now, Seconds retryAfter) {
  if (state_ == State::releasing) {
    state_ = State::over;
    return;
  }
  if (state_ != State::asking && state_ != State::held) return;
  lose();
  state_ = State::refused;
  tries_ = 0;
  nextAt_ = now + std::clamp(retryAfter, kMinRefusal, kMaxRefusal);
}

void PortLease::handleReset(TimePoint now) {
  if (state_ != State::held) return;
  // Until the answer comes we go on believing in the mapping, but not past its time. A gateway whose every answer
  // speaks of a restart does not make us spin.
  state_ = State::asking;
  tries_ = 0;
  nextAt_ = std::max<TimePoint>(now, grantedAt_ + kResetPause);
}

void PortLease::release(TimePoint now) {
  if (state_ == State::releasing || state_ == State::over) return;
  // A request that was never answered may have been granted all the same.
  const bool maybeHeld = external_ || (state_ == State::asking && tries_ > 0);
  state_ = maybeHeld ? State::releasing : State::over;
  tries_ = 0;
  nextAt_ = now;
}

std::optional<PortLease::Seconds> PortLease::pollRequest(TimePoint now) {
  if (state_ == State::idle || state_ == State::over) return std::nullopt;
  if (external_ && now >= grantedAt_ + lifetime_) {
    lose();
    if (state_ == State::held) start(now);
  }
  if (now < nextAt_) return std::nullopt;
  switch (state_) {
    case State::releasing:
      if (tries_ == kReleaseTries) {
        state_ = State::over;
        return std::nullopt;
      }
      ++tries_;
      nextAt_ = now + kFirstRetry;
      return Seconds{0};
    case State::refused:
      state_ = State::asking;
      break;
    case State::held:
      ++renewals_;
      planRenewal(now);
      return wanted_;
    default:
      break;
  }
  nextAt_ = now + retryAfter();
  ++tries_;
  return wanted_;
}

std::optional<PortLease::Change> PortLease::pollChange() {
  if (changes_.empty()) return std::nullopt;
  const Change out = changes_.front();
  changes_.pop_front();
  return out;
}

std::optional<TimePoint> PortLease::nextAt() const {
  if (state_ == State::idle || state_ == State::over) return std::nullopt;
  return external_ ? std::min<TimePoint>(nextAt_, grantedAt_ + lifetime_) : nextAt_;
}

}  // namespace chuantou::nat
