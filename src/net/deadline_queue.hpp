// Many deadlines of one length with one timer: what waits longest is due first.
#pragma once

#include <deque>

#include "net/types.hpp"

namespace chuantou::net {

/// On one thread. A waiter that has done its work before the deadline is simply gone (a weak pointer).
class DeadlineQueue {
 public:
  class Waiter {
   public:
    virtual ~Waiter() = default;
    virtual void onDeadline() = 0;
  };

  DeadlineQueue(Executor executor, Duration after);
  void add(std::weak_ptr<Waiter> waiter);

 private:
  void arm();

  struct Entry {
    TimePoint at;
    std::weak_ptr<Waiter> waiter;
  };
  Duration after_;
  Timer timer_;
  bool armed_ = false;
  std::deque<Entry> entries_;
};

}  // namespace chuantou::net
