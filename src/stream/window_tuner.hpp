// How much of a stream may be under way unacknowledged: bandwidth times delay, found by trying.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

namespace chuantou::stream {

/// Doubles while the limit is what holds the sender back and doubling still makes it faster: buffers on the way would
/// take any amount without being any faster for it.
class WindowTuner {
 public:
  static constexpr std::size_t kLeast = 256 * 1024;
  static constexpr std::size_t kMost = 16 * 1024 * 1024;

  std::size_t limit() const noexcept { return limit_; }
  /// The sender had bytes, and was not allowed to send them.
  void onLimited() noexcept { limited_ = true; }
  void onAck(TimePoint now, std::uint64_t acked) {
    if (markAt_ == TimePoint{} || !limited_) {
      mark(now, acked);
      return;
    }
    // At the beginning quickly; later only what lasts counts.
    if (acked - markAcked_ < (plateaus_ < kSettled ? 2 : 8) * limit_) return;
    const double seconds = std::chrono::duration<double>(now - markAt_).count();
    const double rate = static_cast<double>(acked - markAcked_) / (seconds > 1e-6 ? seconds : 1e-6);
    if (rate > kWorthwhile * bestRate_ && limit_ < kMost) {
      bestRate_ = rate;
      limit_ *= 2;
      plateaus_ = 0;
    } else if (plateaus_ < kSettled) {
      ++plateaus_;
    }
    limited_ = false;
    mark(now, acked);
  }
  /// Another path, another speed.
  void onNewCarrier() noexcept {
    bestRate_ = 0;
    plateaus_ = 0;
    markAt_ = TimePoint{};
  }

 private:
  static constexpr double kWorthwhile = 1.25;
  static constexpr int kSettled = 3;
  void mark(TimePoint now, std::uint64_t acked) noexcept {
    markAt_ = now;
    markAcked_ = acked;
  }

  std::size_t limit_ = kLeast;
  double bestRate_ = 0;
  int plateaus_ = 0;  ///< rounds without being faster
  TimePoint markAt_{};
  std::uint64_t markAcked_ = 0;
  bool limited_ = false;
};

}  // namespace chuantou::stream
