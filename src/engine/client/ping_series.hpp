// Questions over a way that may lose them, repeat them or change their order: which are asked when, which were answered, how soon.
//
//     0            8           16
//     +------------+------------+
//     | number (8) | chance (8) |
//     +------------+------------+
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"

namespace chuantou::engine {

class PingSeries {
 public:
  static constexpr std::size_t kSize = 16;
  using Question = std::array<std::uint8_t, kSize>;

  /// So many, one each `interval`; what is not answered within `patience` is lost.
  PingSeries(std::size_t count, Duration interval, Duration patience) : count_(count), interval_(interval), patience_(patience) {}

  /// The next question, if it is time for one. The second half is there so that nobody answers before he was asked.
  std::optional<Question> pollQuestion(TimePoint now, RandomSource& random);
  /// Anything at all: what is no first and timely answer is no answer. True: it is one.
  bool handleAnswer(TimePoint now, std::span<const std::uint8_t> bytes);

  bool isOver(TimePoint now) const { return allAsked() && (answered_ == count_ || now >= asked_.back().at + patience_); }
  /// When pollQuestion() or isOver() will say something else, unless an answer comes.
  TimePoint nextAt() const { return allAsked() ? asked_.back().at + patience_ : nextAsk_; }

  std::size_t answered() const noexcept { return answered_; }
  /// Of each question so far; none: no answer.
  std::vector<std::optional<std::chrono::microseconds>> roundTrips() const;

 private:
  struct Asked {
    std::uint64_t chance = 0;
    TimePoint at{};
    std::optional<std::chrono::microseconds> took;
  };
  bool allAsked() const { return asked_.size() == count_; }

  std::size_t count_;
  Duration interval_;
  Duration patience_;
  TimePoint nextAsk_{};
  std::size_t answered_ = 0;
  std::vector<Asked> asked_;
};

}  // namespace chuantou::engine
