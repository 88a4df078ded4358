#include "nat/filter_test.hpp"

namespace chuantou::nat {

namespace {

/// Plain answers that make silence a filter. With 5 % lost each way one round in ten loses a changed answer: five do in
/// 10^-5 of all tests; each loss that is seen asks for one more.
constexpr std::uint32_t kControls = 5;
constexpr std::uint32_t kMaxControls = 10;
constexpr std::uint32_t kMinControls = 3;  ///< when the rounds are used up
constexpr std::uint32_t kMaxRounds = 16;

}  // namespace

FilterTest::FilterTest(std::size_t socket, const UdpAddress& server, const UdpAddress& other, const Pace& pace, TimePoint now)
    : socket_(socket), server_(server), other_(other), pace_(pace), next_(now) {
  address_.open = other.ip != server.ip;
  port_.open = other.port != server.port;
  settleIfAnswered();
}

std::uint32_t FilterTest::wanted() const {
  const std::uint32_t lost = judged_ > controls_ ? judged_ - controls_ : 0;
  return std::min(kControls + lost, kMaxControls);
}

void FilterTest::advance(TimePoint now, Drafts& out) {
  if (settled_) return;
  while (judged_ < sentAt_.size() && (heard_[judged_] || now >= sentAt_[judged_] + pace_.rtt + pace_.grace())) ++judged_;
  if (controls_ >= wanted()) {
    const TimePoint end = lastControl_ + pace_.grace();
    if (now >= end) return close(Passed::no);
    next_ = end;
    return;
  }
  if (now < next_) return;
  if (sentAt_.size() < kMaxRounds) return sendRound(now, out);
  close(controls_ >= kMinControls ? Passed::no : Passed::unknown);
}

void FilterTest::sendRound(TimePoint now, Drafts& out) {
  const auto round = static_cast<std::uint32_t>(sentAt_.size());
  const auto add = [&](Kind kind) {
    Draft draft;
    draft.probe.socket = socket_;
    draft.probe.to = server_;
    draft.probe.changeAddress = kind == changedAddress;
    // The other address with the other port, where there is one, as RFC 5780 does.
    draft.probe.changePort = kind == changedPort || (kind == changedAddress && other_.port != server_.port);
    draft.slot = round * kKinds + kind;
    out.push_back(draft);
  };
  add(plain);
  if (address_.open) add(changedAddress);
  if (port_.open) add(changedPort);
  heard_.push_back(false);
  sentAt_.push_back(now);
  next_ = now + (sentAt_.size() < kMaxRounds ? pace_.round() : pace_.rtt + pace_.lastWait());
}

void FilterTest::handleAnswer(TimePoint now, std::uint32_t slot, const UdpAddress& from) {
  const std::uint32_t round = slot / kKinds;
  const std::uint32_t kind = slot % kKinds;
  if (settled_ || round >= heard_.size()) return;
  if (kind == plain) {
    if (from != server_ || heard_[round]) return;
    heard_[round] = true;
    ++controls_;
    lastControl_ = now;
    // The judgement may be near: there is something to do before the next round.
    if (controls_ >= wanted()) next_ = std::min(next_, now);
    return;
  }
  if (from == server_) return handleRefusal(slot);  // it answered as if nothing had been asked (RFC 3489, section 9.2)
  if (from.ip != server_.ip) {
    address_ = {false, Passed::yes};
    port_ = {false, Passed::yes};  // whoever lets in strangers lets in neighbours
  } else {
    port_ = {false, Passed::yes};
  }
  settleIfAnswered();
}

void FilterTest::handleRefusal(std::uint32_t slot) {
  const std::uint32_t kind = slot % kKinds;
  if (kind == changedAddress) address_.open = false;
  if (kind == changedPort) port_.open = false;
  settleIfAnswered();
}

void FilterTest::close(Passed verdict) {
  if (address_.open) address_ = {false, verdict};
  if (port_.open) port_ = {false, verdict};
  settled_ = true;
}

}  // namespace chuantou::nat
