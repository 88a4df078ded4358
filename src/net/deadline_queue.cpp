#include "net/deadline_queue.hpp"

namespace chuantou::net {

DeadlineQueue::DeadlineQueue(Executor executor, Duration after) : after_(after), timer_(executor) {}

void DeadlineQueue::add(std::weak_ptr<Waiter> waiter) {
  entries_.push_back(Entry{Clock::now() + after_, std::move(waiter)});
  if (!armed_) arm();
}

void DeadlineQueue::arm() {
  while (!entries_.empty() && entries_.front().waiter.expired()) entries_.pop_front();
  armed_ = !entries_.empty();
  if (!armed_) return;
  timer_.expires_at(entries_.front().at);
  timer_.async_wait([this](const ErrorCode& ec) {
    if (ec) return;
    const TimePoint now = Clock::now();
    while (!entries_.empty() && entries_.front().at <= now) {
      const auto waiter = entries_.front().waiter.lock();
      entries_.pop_front();
      if (waiter) waiter->onDeadline();
    }
    arm();
  });
}

}  // namespace chuantou::net
