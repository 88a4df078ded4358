#include "nat/query.hpp"

#include <iterator>

namespace chuantou::nat {

namespace {

constexpr std::uint32_t kAttempts = 6;  ///< with a known round trip; one of ten lost leaves one failure in a million
/// Until then: close together, as the first one may be what a router needs to ask for its neighbour's address (ARP).
constexpr Millis kWaits[] = {Millis{100}, Millis{150}, Millis{250}, Millis{400}};

}  // namespace

void Query::advance(TimePoint now, Drafts& out) {
  if (closed() || now < next_) return;
  if (pace_ && sent_ >= kAttempts) {
    gaveUp_ = true;
    return;
  }
  Draft draft;
  draft.probe.socket = socket_;
  draft.probe.to = to_;
  draft.slot = sent_;
  out.push_back(draft);
  const std::uint32_t index = std::min<std::uint32_t>(sent_++, std::size(kWaits) - 1);
  next_ = now + (!pace_ ? Duration{kWaits[index]} : sent_ < kAttempts ? pace_->retry() : pace_->lastWait());
}

void Query::answered(TimePoint now, TimePoint sentAt) {
  if (answered_) return;
  answered_ = true;
  rtt_ = now - sentAt;
}

}  // namespace chuantou::nat
