// A lease against a gateway of the mind: what happens is chosen by chance (tests) or by an input (fuzzing), and rules
// that must hold whatever happens are checked at each step.
#pragma once

#include <stdexcept>
#include <string>

#include "nat/port_lease.hpp"

namespace chuantou::test {

using nat::ExternalEndpoint;
using nat::PortLease;

/// Where decisions come from.
class LeaseChoices {
 public:
  virtual ~LeaseChoices() = default;
  virtual std::size_t below(std::size_t limit) = 0;
};

class LeaseModel {
 public:
  explicit LeaseModel(LeaseChoices& choices) : choices_(choices), random_(choices), lease_(kWanted, random_) {
    lease_.start(now_);
    drain();
  }

  /// Throws std::logic_error when a rule is broken.
  void step() {
    const std::size_t what = choices_.below(16);
    spokenTo_ = what < 4;
    const ExternalEndpoint external{IpAddress{IpAddress::V4{198, 51, 100, 1}},
                                    static_cast<std::uint16_t>(7000 + choices_.below(3))};
    if (what == 0) {
      lease_.handleReset(now_);
    } else if (what == 1) {
      lease_.handleRefused(now_, seconds());
    } else if (what == 2) {
      lease_.handleGranted(now_, external, seconds());  // unasked, late, or twice
    } else if (what == 3 && choices_.below(8) == 0) {
      lease_.release(now_);
      released_ = true;
    } else if (what < 6) {
      now_ += Millis{static_cast<Millis::rep>(choices_.below(4000))};
    } else {
      if (const auto at = lease_.nextAt()) now_ = std::max(now_, *at);
    }
    drain();
  }

  bool over() const { return lease_.isOver(); }

 private:
  /// The lease's chance is the model's.
  class Chance final : public RandomSource {
   public:
    explicit Chance(LeaseChoices& choices) : choices_(choices) {}
    void fill(std::span<std::uint8_t> out) override {
      for (auto& byte : out) byte = static_cast<std::uint8_t>(choices_.below(256));
    }

   private:
    LeaseChoices& choices_;
  };

  static constexpr PortLease::Seconds kWanted{600};

  void expect(bool good, const char* what) {
    if (!good) throw std::logic_error(what);
  }
  /// Also what no sane gateway says.
  PortLease::Seconds seconds() {
    constexpr long kSome[] = {0, 1, 7, 8, 60, 600, 86'400, 100'000, 4'294'967'295, -1};
    return PortLease::Seconds{kSome[choices_.below(std::size(kSome))]};
  }

  void drain() {
    int requests = 0;
    while (const auto lifetime = lease_.pollRequest(now_)) {
      expect(++requests <= 2, "more than two requests at once");
      expect((lifetime->count() == 0) == released_, "only who is released asks for a removal, and for nothing else");
      if (released_) expect(++removals_ <= PortLease::kReleaseTries, "a release that never ends");
      const bool lost = told_ && !lease_.external();
      expect(spokenTo_ || lost || !lastRequest_ || now_ - *lastRequest_ >= Millis{225}, "asks too often");
      lastRequest_ = now_;
    }
    while (const auto change = lease_.pollChange()) {
      expect(*change != told_, "a change that is none");
      told_ = *change;
    }
    if (!lease_.isOver()) expect(told_ == lease_.external(), "what was told is not what is");
    if (const auto at = lease_.nextAt()) {
      expect(*at > now_, "due, though everything was polled");
    } else {
      expect(lease_.isOver(), "nothing is due, and it is not over");
    }
  }

  LeaseChoices& choices_;
  Chance random_;
  PortLease lease_;
  TimePoint now_{std::chrono::hours{1}};
  std::optional<TimePoint> lastRequest_;
  bool released_ = false;
  bool spokenTo_ = false;  ///< in this step
  int removals_ = 0;
  PortLease::Change told_;
};

}  // namespace chuantou::test
