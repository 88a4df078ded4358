#include "base/heartbeat.hpp"

#include <algorithm>

namespace chuantou {

void Heartbeat::handleAnswer(TimePoint now, TimePoint askedAt) {
  heardAt_ = now;
  if (askedAt >= doubtedAt_) answerBy_.reset();
}

bool Heartbeat::handleDoubt(TimePoint now, Duration rtt) {
  if (answerBy_) return false;
  askedAt_ = doubtedAt_ = now;
  answerBy_ = now + std::max<Duration>(kPatience, 4 * rtt);
  return true;
}

Heartbeat::Action Heartbeat::poll(TimePoint now) {
  const bool late = now >= wakeAt() + kLate;
  if (answerBy_ && now >= *answerBy_) {
    answerBy_.reset();
    const bool alive = heardAt_ >= doubtedAt_ + kWaitedHere;
    if (!alive && !late) return Action::giveUp;
    if (!alive) handleDoubt(now);
    return alive ? poll(now) : Action::ask;
  }
  if (!answerBy_ && now >= heardAt_ + times_.deadAfter) {
    if (!late) return Action::giveUp;
    handleDoubt(now);
    return Action::ask;
  }
  if (now < askedAt_ + times_.every) return Action::wait;
  askedAt_ = now;
  return Action::ask;
}

TimePoint Heartbeat::wakeAt() const {
  const TimePoint end = answerBy_ ? *answerBy_ : heardAt_ + times_.deadAfter;
  return std::min(end, askedAt_ + times_.every);
}

}  // namespace chuantou
