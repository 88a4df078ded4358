// A carried stream and its carriers: how it gets one, goes over to the next while the present one lives, leaves one to the
// stream that follows, and loses one.
#include "engine/client/carried_stream.hpp"
#include "engine/client/stream_registry.hpp"

namespace chuantou::engine {

void CarriedStream::attachTo(std::shared_ptr<StreamCarrier> carrier) {
  const auto self = shared_from_this();
  if (const auto before = left_.lock()) before->forgetBehind(*this);
  left_.reset();
  carrier_ = std::move(carrier);
  gone_ = false;
  if (!core_.awaitsAnswer()) lastAckLost_ = false;
  sendMore();
  wakeReader();
  readInBackground();
  if (!congested()) wakeWriter();
}

/// Both sides have said their last word: the next stream may have the carrier.
void CarriedStream::leaveIfDone() {
  if (!carrier_ || migration_ || !core_.leavable() || carrier_->line().queued() > 0) return;
  const auto self = shared_from_this();
  const auto carrier = detach();
  gone_ = true;
  if (core_.confirmed()) {
    becomeOver();
  } else {
    left_ = carrier;
    carrier->leaveBehind(self);
  }
  carrier->onStreamLeft(true);
}

std::shared_ptr<StreamCarrier> CarriedStream::detach() {
  ++readEpoch_;
  ++writeEpoch_;
  lineReadWait_ = lineWriteWait_ = false;
  core_.detach();
  detachedAt_ = Clock::now();
  if (lostAt_ == TimePoint{}) lostAt_ = detachedAt_;
  const auto carrier = std::exchange(carrier_, nullptr);
  const auto migration = std::exchange(migration_, std::nullopt);
  if (migration && migration->next) migration->next->onStreamLeft(false);
  return carrier;
}

void CarriedStream::dropCarrier() {
  if (!carrier_) return;
  detach()->onStreamLeft(false);
}

// -------------------------------------------------------------------- migration

void CarriedStream::migrateTo(std::shared_ptr<StreamCarrier> next) {
  const auto self = shared_from_this();
  if (!migration_) migration_.emplace();
  migration_->next = std::move(next);
  core_.switchOver();
  sendMore();
  if (!in() || lineReadWait_) return;
  wakeReader();
  readInBackground();
}

/// The other side says no more on the carrier.
void CarriedStream::onSwitched() {
  if (migration_ ? migration_->in : role_ == Role::initiator) return onViolation();
  if (!migration_) migration_.emplace();
  migration_->in = true;
  ++readEpoch_;
  lineReadWait_ = false;
  endMigrationIfDone();
}

void CarriedStream::endMigrationIfDone() {
  if (!migration_->next || !migration_->in || !migration_->out) return;
  const auto self = shared_from_this();
  const auto left = std::exchange(carrier_, std::move(migration_->next));
  migration_.reset();
  ++migrations_;
  context_.streams.onMigrated(*this);
  left->onStreamLeft(false);
  leaveIfDone();
}

void CarriedStream::onCarrierBroken(const char* why) {
  const auto self = shared_from_this();
  const bool known = stalled();  // the carrier was to mend it, and has not
  // In the middle of a migration the other side may have closed the carrier that this one's ACK was to travel on.
  const bool acknowledged = !lastAckLost_ && !core_.ackOwed() && !migration_;
  dropCarrier();
  if (over_) return;
  const bool ended = core_.confirmed() && core_.finReceived();
  if (core_.resetReceived() || (ended && (acknowledged || patience_ <= Millis{0}))) {
    becomeOver();
    return wakeReader();
  }
  if (ended) {
    lastAckLost_ = true;
    wakeReader();
  } else if (!known) {
    context_.streams.onStalled(*this, why);
  }
  onDetached();
}

bool CarriedStream::handleBehind(const Frame& frame) {
  core_.handle(Clock::now(), frame.header, frame.payload);
  if (!core_.confirmed()) return false;
  becomeOver();
  return true;
}

void CarriedStream::onLostBehind() {
  if (over_ || carrier_) return;
  if (core_.confirmed()) return becomeOver();
  gone_ = false;
  lostAt_ = detachedAt_ = Clock::now();
  onDetached();
}

}  // namespace chuantou::engine
