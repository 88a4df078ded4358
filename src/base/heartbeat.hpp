// Whether the other side of a connection is still there: when to ask, and when to give it up.
#pragma once

#include <optional>

#include "base/time.hpp"

namespace chuantou {

/// Asks every now and then; gives up after a silence, or sooner when something makes it doubt. To be polled at wakeAt().
class Heartbeat {
 public:
  struct Times {
    Duration every{};      ///< between two questions
    Duration deadAfter{};  ///< nothing heard at all
  };

  Heartbeat(TimePoint now, Times times) : times_(times), heardAt_(now), askedAt_(now - times.every) {}

  /// Something came, whatever it was.
  void handleHeard(TimePoint now) { heardAt_ = now; }
  /// The answer to the question that was asked then.
  void handleAnswer(TimePoint now, TimePoint askedAt);
  /// The connection may be dead: an answer is wanted within kPatience, or four round trips where those are long. True: ask now.
  /// (False: it has been asked, and the answer is due already.)
  bool handleDoubt(TimePoint now, Duration rtt = {});

  enum class Action { wait, ask, giveUp };
  Action poll(TimePoint now);
  TimePoint wakeAt() const;
  /// An answer is due.
  bool doubts() const noexcept { return answerBy_.has_value(); }
  TimePoint askedAt() const noexcept { return askedAt_; }

  static constexpr Millis kPatience{3'000};
  /// Who is polled this much later than it wanted was not running, and cannot say what was not heard meanwhile.
  static constexpr Millis kLate{2'000};
  /// What is heard so soon after a question may have waited here since before.
  static constexpr Millis kWaitedHere{100};

 private:
  Times times_;
  TimePoint heardAt_;
  TimePoint askedAt_;
  TimePoint doubtedAt_{};
  std::optional<TimePoint> answerBy_;  ///< to a question since then
};

}  // namespace chuantou
