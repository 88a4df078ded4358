// One mapping's life, whatever the protocol: asked for, renewed in time, lost, asked for again, removed.
#pragma once

#include <deque>
#include <optional>

#include "base/random.hpp"
#include "base/time.hpp"
#include "nat/port_mapping.hpp"

namespace chuantou::nat {

/// A core: what happens goes in with its time, pollRequest() and pollChange() say what to do; call both after each
/// input and when nextAt() has come.
class PortLease {
 public:
  using Seconds = std::chrono::seconds;

  /// Asks again after this long, twice as long each time (RFC 6886, section 3.1: the gateway is one hop away).
  static constexpr Millis kFirstRetry{250};
  /// RFC 6887, section 8.1.1: MRT.
  static constexpr Seconds kMaxRetry{1024};
  /// "no more often than once every four seconds" (RFC 6887, section 11.2.1), and no lifetime shorter than twice that
  /// is believed: a gateway cannot make us busy.
  static constexpr Seconds kMinRenewal{4};
  /// "lifetimes longer than 24 hours are treated as 24 hours" (section 15).
  static constexpr Seconds kMaxLifetime{24 * 3600};
  /// Between a grant and the request that follows the news of a restart.
  static constexpr Seconds kResetPause{1};
  /// A refusal is believed for this long (sections 7.4 and 8.3: short errors 30 s, long ones 30 minutes).
  static constexpr Seconds kMinRefusal{30};
  static constexpr Seconds kMaxRefusal{1800};
  /// How often a removal is sent at most, kFirstRetry apart: who stops does not wait long.
  static constexpr int kReleaseTries = 3;
  /// Unanswered requests after which nobody is taken to be there.
  static constexpr int kPatience = 6;

  /// What the gateway forwards has changed: to this, or to nothing.
  using Change = std::optional<ExternalEndpoint>;

  PortLease(Seconds wanted, RandomSource& random) : wanted_(wanted), random_(&random) {}

  void start(TimePoint now);
  /// Also the answer to a removal: a lifetime of 0.
  void handleGranted(TimePoint now, const ExternalEndpoint& external, Seconds lifetime);
  void handleRefused(TimePoint now, Seconds retryAfter);
  /// The gateway has lost its mappings: asks for this one again at once.
  void handleReset(TimePoint now);
  /// Removes the mapping, as far as the gateway listens; isOver() when there is nothing more to do.
  void release(TimePoint now);

  /// The lifetime of a request to send now, 0 to remove the mapping; nothing when there is none.
  std::optional<Seconds> pollRequest(TimePoint now);
  std::optional<Change> pollChange();
  /// Nothing: only when there is an input.
  std::optional<TimePoint> nextAt() const;

  bool isOver() const noexcept { return state_ == State::over; }
  /// No answer to the last kPatience requests, though we are allowed to ask.
  bool isUnanswered() const noexcept { return state_ == State::asking && tries_ >= kPatience; }
  /// The gateway does not want to, for now.
  bool isRefused() const noexcept { return state_ == State::refused; }
  /// What is forwarded now; also what to ask for.
  const Change& external() const noexcept { return external_; }

 private:
  enum class State { idle, asking, held, refused, releasing, over };

  void lose();
  Duration retryAfter();
  void planRenewal(TimePoint now);

  Seconds wanted_;
  RandomSource* random_;
  State state_ = State::idle;
  int tries_ = 0;       ///< requests since the last answer
  int renewals_ = 0;    ///< of the present grant, unanswered
  TimePoint nextAt_{};  ///< of the next request
  TimePoint grantedAt_{};
  Seconds lifetime_{0};
  Change external_;
  std::deque<Change> changes_;  ///< at most two of each input, if the caller polls
};

}  // namespace chuantou::nat
