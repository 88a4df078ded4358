#include "nat/hop_test.hpp"

#include "nat/behavior.hpp"

namespace chuantou::nat {

namespace {
/// Errors of the first router that make its silence mean something. Not more: routers send few to one host, Linux six, then
/// one a second.
constexpr std::uint32_t kControls = 2;
constexpr std::uint32_t kMaxRounds = 6;
constexpr std::uint32_t kSilentRounds = 4;  ///< and nothing came: the routers do not tell
constexpr Millis kRound{60};
constexpr std::uint16_t kDiscard = 9;  ///< no NAT gives this port away (RFC 4787, section 4.2.2)
}  // namespace

HopTest::HopTest(const IpAddress& publicAddress, const UdpAddress& server, std::size_t near, std::size_t far, TimePoint now)
    : self_{publicAddress, kDiscard}, server_(server), near_(near), far_(far), next_(now) {}

void HopTest::advance(TimePoint now, Drafts& out) {
  if (settled_ || now < next_) return;
  const bool silent = rounds_ == kSilentRounds && nearExceeded_ == 0 && !selfExceeded_ && !second_;
  if (nearExceeded_ >= kControls || silent || rounds_ == kMaxRounds) {
    settled_ = true;
    return;
  }
  const auto add = [&](std::size_t socket, const UdpAddress& to, std::uint8_t ttl) {
    Draft draft;
    draft.probe.socket = socket;
    draft.probe.to = to;
    draft.probe.ttl = ttl;
    out.push_back(draft);
  };
  // In this order: routers limit how many errors they send, so that the control comes after what it controls.
  add(near_, self_, 1);
  if (!second_) add(far_, server_, 2);
  add(near_, server_, 1);
  ++rounds_;
  next_ = now + kRound;  // the first routers are near
}

void HopTest::handleError(const ProbeError& error) {
  if (settled_ || error.kind != ProbeError::Kind::hopsUsedUp) return;
  if (error.socket == near_ && error.to == self_) selfExceeded_ = true;
  if (error.socket == near_ && error.to == server_) ++nearExceeded_;
  if (error.socket == far_ && error.to == server_) second_ = error.from;
  if (selfExceeded_ && second_) settled_ = true;
}

HopTest::Verdict HopTest::verdict() const {
  // A carrier's addresses behind the first router: RFC 6598 has them for this alone.
  if (second_ && isCarrier(*second_)) return {true, true};
  // The first router may also be one that only routes, in a larger network.
  if (selfExceeded_) return {true, false};
  if (nearExceeded_ > 0) return {false, nearExceeded_ >= kControls};
  return {};
}

}  // namespace chuantou::nat
