#include "nat/hairpin_test.hpp"

namespace chuantou::nat {

namespace {
constexpr std::uint32_t kRounds = 5;
constexpr Millis kRound{50};
}  // namespace

void HairpinTest::advance(TimePoint now, Drafts& out) {
  if (settled_ || now < next_) return;
  if (rounds_ == kRounds) {
    settled_ = true;
    return;
  }
  const auto add = [&](const End& from, const End& to) {
    Draft draft;
    draft.probe.socket = from.socket;
    draft.probe.to = to.mapped;
    out.push_back(draft);
  };
  add(a_, b_);
  add(b_, a_);
  // The NAT is nearer than the server.
  next_ = now + (++rounds_ < kRounds ? Duration{kRound} : std::max<Duration>(pace_.grace(), pace_.rtt));
}

void HairpinTest::handleArrival(std::size_t socket) {
  if (!owns(socket)) return;
  passed_ = true;
  settled_ = true;
}

}  // namespace chuantou::nat
