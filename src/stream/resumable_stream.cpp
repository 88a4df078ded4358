#include "stream/resumable_stream.hpp"

#include <algorithm>

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

std::span<std::uint8_t> ResumableStream::reserve() {
  if (finished_ || !alive()) return {};
  const std::size_t limit = std::min<std::size_t>(pool_.tight() ? WindowTuner::kLeast : tuner_.limit(), peerWindow_);
  const std::size_t waiting = static_cast<std::size_t>(replay_.end() - std::min(acked_, replay_.end()));
  const std::size_t room = limit > waiting ? std::min(limit - waiting, ChunkPool::kChunk) : 0;
  if (room < kWorthReading && waiting > 0) {
    tuner_.onLimited();
    return {};
  }
  fresh_ = false;
  return {pool_.spare().get() + ChunkPool::kRoom, room};
}

void ResumableStream::commit(std::size_t bytes) {
  fresh_ = cursor_ == replay_.end();
  freshBytes_ = replay_.appendSpare(bytes);
}

void ResumableStream::finish() {
  if (alive()) finished_ = true;
}

void ResumableStream::abort() {
  if (!alive()) return;
  aborted_ = true;
  resetOwed_ = true;
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
  if (!goOnFrom(position)) return false;
  link_ = Link::open;
  resumedOwed_ = true;
  return true;
}

/// The other side has got everything up to here.
bool ResumableStream::goOnFrom(std::uint64_t position) {
  if (position > sentHigh_ || position < acked_) return false;
  repeated_ += sentHigh_ - position;
  acked_ = position;
  cursor_ = position;
  replay_.dropTo(position);
  tuner_.onNewCarrier();
  return true;
}

void ResumableStream::detach() {
  link_ = Link::none;
  first_.clear();
  answerSent_ = false;
  resumedOwed_ = false;
  pingOwed_ = false;
  pongOwed_ = false;
  resetSent_ = false;
  resetOwed_ = aborted_;
  switchOwed_ = false;
  fresh_ = false;
  heard_ = false;
  pinged_ = false;
  expecting_ = false;
  silent_ = 0;
  quiet_ = 0;
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
  const bool last = resetOwed_ || (alive() && finished_ && !withData && cursor_ == replay_.end());
  const bool answerDue = resetOwed_ || (accepted_ && (answerNow_ || ackWanted_ || withData || last));
  if (role_ == Role::target && !answerSent_ && answerDue) {
    put(wire::encodeBare(FrameType::accept));
    answerSent_ = true;
  }
  if (pongOwed_) put(wire::encodePing(FrameType::pong, std::array<std::uint8_t, wire::kPingSize>{}));
  if (pingOwed_) put(wire::encodePing(FrameType::ping, std::array<std::uint8_t, wire::kPingSize>{}));
  pongOwed_ = pingOwed_ = false;
  if (windowWanted_ != windowSent_) put(wire::encodeCount(FrameType::window, windowSent_ = windowWanted_));
  const auto every = std::clamp(static_cast<std::uint32_t>(tuner_.limit() / 4), kFirstAckEvery, kMostAckEvery);
  if (withData && every != ackEverySent_) put(wire::encodeCount(FrameType::ackEvery, ackEverySent_ = every));
  if (ackOwed() && (size > 0 || ackWanted_ || withData || last || ackDue())) {
    put(wire::encodePosition(FrameType::ack, ackSent_ = ackPosition()));
  }
  ackWanted_ = false;
  if (switchOwed_) {
    put(wire::encodeBare(FrameType::switchOver));
    switchOwed_ = false;
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
  if (!fresh_) {
    const auto kept = replay_.from(cursor_);
    bytes = {pool_.spare().get() + ChunkPool::kRoom, std::min(kept.size(), ChunkPool::kChunk)};
    std::copy_n(kept.begin(), bytes.size(), bytes.begin());
  }
  fresh_ = false;
  cursor_ += bytes.size();
  sentHigh_ = std::max(sentHigh_, cursor_);
  const auto header = wire::encodeDataHeader(bytes.size());
  std::uint8_t* begin = bytes.data() - header.size() - control;
  std::copy(header.begin(), header.end(), std::copy_n(small.begin(), control, begin));
  return {begin, bytes.data() + bytes.size()};
}

// ------------------------------------------------------------------- coming in

ResumableStream::Event ResumableStream::onAck(TimePoint now, std::uint64_t position) {
  if (position > sentHigh_) return Event::violation;
  if (position <= acked_) return Event::none;
  acked_ = position;
  replay_.dropTo(position);
  tuner_.onAck(now, position);
  return Event::room;
}

ResumableStream::Event ResumableStream::onReset() {
  resetReceived_ = true;
  resetOwed_ = !resetSent_ && !finSent();
  replay_.clear();
  if (!finSent()) cursor_ = replay_.end();
  return Event::reset;
}

ResumableStream::Event ResumableStream::handle(TimePoint now, const wire::FrameHeader& header, std::span<const std::uint8_t> payload) {
  heard_ = true;
  if (resetReceived_) return Event::violation;
  if (link_ == Link::resuming) {
    if (header.type != FrameType::resumed || !goOnFrom(loadU64(payload.data()))) return Event::violation;
    link_ = Link::open;
    ackSent_ = position();
    if ((header.flags & wire::kFlagAnswered) != 0) answered_ = true;
    return Event::resumed;
  }
  switch (header.type) {
    case FrameType::accept:
      if (role_ != Role::initiator || answered_) return Event::violation;
      answered_ = true;
      return Event::answered;
    case FrameType::ping:
      pongOwed_ = true;
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
      if (finReceived_ || (role_ == Role::initiator && !answered_)) return Event::violation;
      finReceived_ = true;
      expecting_ = false;
      return Event::fin;
    case FrameType::reset:
      return onReset();
    case FrameType::switchOver:
      return Event::switched;
    default:
      return Event::violation;
  }
}

bool ResumableStream::receive(std::size_t bytes) {
  heard_ = true;
  expecting_ = true;
  received_ += bytes;
  const bool expected = link_ == Link::open && !finReceived_ && !resetReceived_ && (role_ == Role::target || answered_);
  // What was under way when WINDOW left comes on top; and a resumption acknowledges what waits here.
  return expected && backlog() <= 2 * kMostUnacked;
}

// ------------------------------------------------------------------------ time

bool ResumableStream::tick() {
  if (link_ == Link::none) return true;
  if (backlog() > kMuchBacklog) windowWanted_ = WindowTuner::kLeast;
  if (backlog() == 0) windowWanted_ = kMostUnacked;
  if (std::exchange(heard_, false)) {
    silent_ = quiet_ = 0;
    return true;
  }
  ++quiet_;
  const bool unanswered = role_ == Role::initiator && !answered_;
  if (!unanswered && link_ == Link::open && unacked() == 0 && !pinged_ && !expecting_) {
    silent_ = 0;
    if (role_ == Role::target || quiet_ < kKeepAliveAfter) return true;
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
