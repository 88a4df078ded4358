#include "stream/resumable_stream.hpp"

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"

namespace chuantou::stream {

namespace {
using wire::FrameType;

/// Room for less than this is no room: short reads would go on for ever.
constexpr std::size_t kWorthReading = 32 * 1024;
/// What waits for a local program that reads slowly, before the other side is asked for less.
constexpr std::size_t kMuchBacklog = 512 * 1024;
constexpr std::uint32_t kLeastAckEvery = 16 * 1024;
constexpr std::uint32_t kMostAckEvery = 1024 * 1024;
}  // namespace

// ------------------------------------------------------------------ local side

std::size_t ResumableStream::limit() const noexcept {
  return std::min<std::size_t>(pool_.tight() ? WindowTuner::kLeast : tuner_.limit(), peerWindow_);
}

std::span<std::uint8_t> ResumableStream::reserve() {
  if (finished_ || !alive()) return {};
  const auto waiting = static_cast<std::size_t>(replay_.end() - taken_);
  const std::size_t room = limit() > waiting ? std::min(limit() - waiting, ChunkPool::kChunk) : 0;
  if (room < kWorthReading && waiting > 0) {
    tuner_.onLimited();
    return {};
  }
  return {pool_.spare().get() + ChunkPool::kRoom, room};
}

void ResumableStream::commit(std::size_t bytes) {
  freshAt_ = replay_.end();
  freshBytes_ = replay_.appendSpare(bytes);
  freshUse_ = pool_.uses();
}

void ResumableStream::finish() {
  if (alive()) finished_ = true;
}

void ResumableStream::abort() {
  if (!alive()) return;
  aborted_ = resetOwed_ = true;
  delivered_ = received_;
  replay_.clear();
}

void ResumableStream::close() {
  if (alive()) aborted_ = true;
  replay_.clear();
}

void ResumableStream::accept(bool atOnce) {
  accepted_ = true;
  answerNow_ = atOnce;
}

// -------------------------------------------------------------------- carriers

void ResumableStream::attach() { link_ = Link::open; }

void ResumableStream::attachOpening(wire::FrameBytes open) {
  first_ = std::move(open);
  link_ = Link::open;
}

void ResumableStream::attachResuming(wire::FrameBytes resume) {
  first_ = std::move(resume);
  link_ = Link::resuming;
}

bool ResumableStream::attachResumed(std::uint64_t position) {
  if (!possible(position)) return false;
  detach();
  goOnFrom(position);
  resumedOwed_ = true;
  return true;
}

/// The other side has got everything up to here.
void ResumableStream::goOnFrom(std::uint64_t position) {
  link_ = Link::open;
  acked_ = position;
  cursor_ = position;
  replay_.dropTo(position);
  tuner_.onNewCarrier();
  // The ACK that told how much its program had taken may be lost.
  ackWanted_ = true;
}

void ResumableStream::detach() {
  link_ = Link::none;
  first_.clear();
  answerSent_ = false;
  resumedOwed_ = false;
  pingOwed_ = false;
  pongOwed_ = false;
  hereOwed_ = false;
  resetSent_ = false;
  resetHere_ = false;
  resetOwed_ = !alive();
  switchOwed_ = false;
  heard_ = false;
  pinged_ = false;
  expecting_ = false;
  silent_ = 0;
  quiet_ = 0;
  // RESUME and RESUMED acknowledge a FIN. All else that was said may be lost: both sides begin as with OPEN.
  ackSent_ = finReceived_ ? ackPosition() : 0;
  peerWindow_ = windowSent_ = kMostUnacked;
  ackEvery_ = ackEverySent_ = kFirstAckEvery;
}

// ------------------------------------------------------------------- going out

std::size_t ResumableStream::writeControl(bool withData) {
  auto& out = pool_.small();
  std::size_t size = 0;
  const auto put = [&](const auto& frame) {
    std::copy(frame.begin(), frame.end(), out.begin() + static_cast<std::ptrdiff_t>(size));
    size += frame.size();
  };
  if (!first_.empty()) put(std::exchange(first_, {}));
  if (link_ == Link::resuming) return size;
  if (resumedOwed_) {
    put(wire::encodePosition(FrameType::resumed, position(), accepted_ ? wire::kFlagAnswered : std::uint8_t{0}));
    resumedOwed_ = false;
    answerSent_ = accepted_;
  }
  if (spoken()) {
    if (std::exchange(switchOwed_, false)) put(wire::encodeBare(FrameType::switchOver));
    return size;
  }
  const bool last = resetOwed_ || (alive() && finished_ && !withData && cursor_ == replay_.end());
  // Not before RESET: the ACK of a FIN may be the last word.
  const bool here = std::exchange(hereOwed_, false) && (role_ == Role::initiator || accepted_);
  // Nothing of this stream but PONG comes before its answer; which is company for an ACK, too.
  const bool unanswered = role_ == Role::target && !answerSent_;
  const bool answer = unanswered && (resetOwed_ || (accepted_ && (answerNow_ || ackWanted_ || withData || last)));
  const bool company = size > 0 || answer || withData || last || pongOwed_ || pingOwed_;
  const bool ack = !resetOwed_ && (here || (ackOwed() && (company || ackWanted_ || ackDue())));
  if (answer || (unanswered && ack)) {
    put(wire::encodeBare(FrameType::accept));
    accepted_ = answerSent_ = true;
  }
  if (pongOwed_) put(wire::encodePing(FrameType::pong, pongPayload_));
  if (pingOwed_) put(wire::encodePing(FrameType::ping, std::array<std::uint8_t, wire::kPingSize>{}));
  pongOwed_ = pingOwed_ = false;
  if (windowWanted_ != windowSent_) put(wire::encodeCount(FrameType::window, windowSent_ = windowWanted_));
  const auto every = std::clamp(static_cast<std::uint32_t>(tuner_.limit() / 4), kFirstAckEvery, kMostAckEvery);
  if (withData && every != ackEverySent_) put(wire::encodeCount(FrameType::ackEvery, ackEverySent_ = every));
  if (ack) {
    put(wire::encodePosition(FrameType::ack, ackSent_ = std::max(ackSent_, ackPosition())));
    told_ = std::max(told_, ackSent_);
  }
  ackWanted_ = false;
  if (std::exchange(switchOwed_, false)) {
    put(wire::encodeBare(FrameType::switchOver));
  } else if (resetOwed_) {
    put(wire::encodeBare(FrameType::reset));
    resetOwed_ = false;
    resetSent_ = true;
  } else if (last) {
    put(wire::encodeBare(FrameType::fin));
    sentHigh_ = std::max(sentHigh_, ++cursor_);
  }
  return size;
}

std::span<const std::uint8_t> ResumableStream::next() {
  if (link_ == Link::none) return {};
  const bool withData = link_ == Link::open && alive() && cursor_ < replay_.end() && !switchOwed_;
  const std::size_t control = writeControl(withData);
  const std::span<std::uint8_t> small{pool_.small()};
  if (!withData) return small.first(control);
  if (control + wire::kFrameHeaderSize > ChunkPool::kRoom) return small.first(control);

  std::span<std::uint8_t> bytes = freshBytes_;
  if (freshAt_ != cursor_ || freshUse_ != pool_.uses()) {
    bytes = {pool_.spare().get() + ChunkPool::kRoom, std::min<std::size_t>(replay_.end() - cursor_, ChunkPool::kChunk)};
    for (std::size_t done = 0; done < bytes.size();) {
      const auto kept = replay_.from(cursor_ + done);
      const std::size_t n = std::min(kept.size(), bytes.size() - done);
      std::copy_n(kept.begin(), n, bytes.begin() + static_cast<std::ptrdiff_t>(done));
      done += n;
    }
  }
  const std::uint64_t after = cursor_ + bytes.size();
  repeated_ += std::min(after, std::max(sentHigh_, cursor_)) - cursor_;
  cursor_ = after;
  sentHigh_ = std::max(sentHigh_, cursor_);
  const auto header = wire::encodeDataHeader(bytes.size());
  std::uint8_t* begin = bytes.data() - header.size() - control;
  std::copy(header.begin(), header.end(), std::copy_n(small.begin(), control, begin));
  return {begin, bytes.data() + bytes.size()};
}

// ------------------------------------------------------------------- coming in

ResumableStream::Event ResumableStream::onAck(TimePoint now, std::uint64_t position) {
  if (position > cursor_) return Event::violation;
  if (position <= taken_) return Event::none;
  taken_ = position;
  if (position > acked_) {
    acked_ = position;
    replay_.dropTo(position);
  }
  tuner_.onAck(now, position);
  return Event::room;
}

ResumableStream::Event ResumableStream::onReset() {
  resetReceived_ = resetHere_ = resetOwed_ = true;
  replay_.clear();
  return Event::reset;
}

ResumableStream::Event ResumableStream::handle(TimePoint now, const wire::FrameHeader& header, std::span<const std::uint8_t> payload) {
  heard_ = true;
  if (link_ == Link::resuming) {
    if (header.type != FrameType::resumed || !first_.empty()) return Event::violation;
    const std::uint64_t position = loadU64(payload.data());
    if (!possible(position)) return Event::violation;
    goOnFrom(position);
    if ((header.flags & wire::kFlagAnswered) != 0) answered_ = true;
    return Event::resumed;
  }
  // May follow the last word.
  if (header.type == FrameType::switchOver) return Event::switched;
  if (resetHere_) return Event::violation;
  switch (header.type) {
    case FrameType::accept:
      if (role_ != Role::initiator || answered_) return Event::violation;
      answered_ = true;
      return Event::answered;
    case FrameType::ping:
      pongOwed_ = true;
      std::copy_n(payload.begin(), pongPayload_.size(), pongPayload_.begin());
      return Event::none;
    case FrameType::pong:
      pinged_ = expecting_ = false;
      return Event::none;
    case FrameType::ack:
      return onAck(now, loadU64(payload.data()));
    case FrameType::window:
      peerWindow_ = loadU32(payload.data());
      return Event::room;
    case FrameType::ackEvery:
      ackEvery_ = std::clamp(loadU32(payload.data()), kLeastAckEvery, kMostAckEvery);
      return Event::none;
    case FrameType::fin:
      if (finReceived_ || resetReceived_ || (role_ == Role::initiator && !answered_)) return Event::violation;
      finReceived_ = true;
      expecting_ = false;
      return Event::fin;
    case FrameType::reset:
      return onReset();
    default:
      return Event::violation;
  }
}

bool ResumableStream::receive(std::size_t bytes) {
  heard_ = true;
  expecting_ = true;
  if (link_ != Link::open || finReceived_ || resetReceived_ || (role_ == Role::initiator && !answered_)) return false;
  received_ += bytes;
  if (aborted_) delivered_ = received_;
  return received_ - told_ <= kMostUnacked;
}

// ------------------------------------------------------------------------ time

bool ResumableStream::tick() {
  if (link_ == Link::none) return true;
  if (backlog() > kMuchBacklog) windowWanted_ = WindowTuner::kLeast;
  if (backlog() == 0) windowWanted_ = kMostUnacked;
  if (backlog() > 0) {
    // Nobody may be reading the carrier: it says nothing about the other side, which is told that this one is there.
    heard_ = false;
    silent_ = quiet_ = 0;
    hereOwed_ = true;
    return true;
  }
  if (std::exchange(heard_, false)) {
    silent_ = quiet_ = 0;
    return true;
  }
  ++quiet_;
  const bool unanswered = role_ == Role::initiator && !answered_;
  if (!unanswered && link_ == Link::open && unacked() == 0 && !pinged_ && !expecting_ && !aborted_) {
    silent_ = 0;
    if (quiet_ < (role_ == Role::initiator ? kKeepAliveAfter : 2 * kKeepAliveAfter)) return true;
    pinged_ = pingOwed_ = true;
    return true;
  }
  ++silent_;
  if (silent_ >= kProbeAfter && !pinged_ && link_ == Link::open) pinged_ = pingOwed_ = true;
  return silent_ < kDeadAfter;
}

void ResumableStream::suspect() {
  if (link_ == Link::none) return;
  silent_ = std::max(silent_, kDeadAfter - kProbeAfter);
  heard_ = false;
  if (link_ == Link::open) pinged_ = pingOwed_ = true;
}

}  // namespace chuantou::stream
