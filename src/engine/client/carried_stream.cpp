#include "engine/client/carried_stream.hpp"

#include "engine/client/stream_registry.hpp"

namespace chuantou::engine {

namespace {
/// Rounds in one turn of the event loop, after which other connections have theirs.
constexpr int kRoundsPerTurn = 8;
/// After a reset the other side stops at once; what was under way until then is less than this.
constexpr std::size_t kMostDiscarded = 2 * stream::ResumableStream::kMostUnacked;
/// A hand-over takes a round trip, and what was queued before it. One that gets stuck ends as a resumption.
constexpr std::chrono::seconds kLongestMigration{10};

/// What is read meanwhile, on behalf of the stream, would come before bytes that the local program is about to get.
struct ReadingNow {
  explicit ReadingNow(bool& flag) : flag_(flag) { flag_ = true; }
  ~ReadingNow() { flag_ = false; }
  bool& flag_;
};
}  // namespace

CarriedStream::CarriedStream(ClientContext& context, Role role, const StreamId& id, ClientId peer, std::uint16_t port, Millis patience)
    : context_(context), role_(role), id_(id), peer_(std::move(peer)), port_(port), patience_(patience), core_(role, context.streams.chunks()) {}

CarriedStream::~CarriedStream() = default;

// ---------------------------------------------------------------- local program

CarriedStream::Read CarriedStream::read(std::span<std::uint8_t> into) {
  using State = Read::State;
  const auto self = shared_from_this();
  if (pending() > 0 && !error_) {
    const std::size_t size = std::min(into.size(), pending());
    std::copy_n(pending_.begin() + static_cast<std::ptrdiff_t>(pendingAt_), size, into.begin());
    pendingAt_ += size;
    if (pending() == 0) {
      std::vector<std::uint8_t>{}.swap(pending_);
      pendingAt_ = 0;
    }
    core_.delivered(size);
    if (core_.ackDue()) sendMore();
    return {State::ok, size};
  }
  const ReadingNow reading{reading_};
  for (;;) {
    if (lost()) return {State::lost};
    if (core_.finReceived()) return {State::fin};
    if (!in()) return {State::wouldBlock};
    Frame frame;
    const auto read = in()->line().read(into, frame);
    switch (read.state) {
      case SecureLine::Read::State::data:
        if (!takeData(read.bytes)) continue;
        core_.delivered(read.bytes);
        if (core_.ackDue()) sendMore();
        return {State::ok, read.bytes};
      case SecureLine::Read::State::frame:
        handle(frame);
        continue;
      case SecureLine::Read::State::wouldBlock:
        sendMore();
        if (in() && !core_.finReceived()) return {State::wouldBlock};
        continue;
      case SecureLine::Read::State::ended:
      case SecureLine::Read::State::broken:
        onCarrierBroken("the connection ended");
    }
  }
}

void CarriedStream::unread(std::span<const std::uint8_t> bytes) {
  core_.undelivered(bytes.size());
  pending_.insert(pending_.begin() + static_cast<std::ptrdiff_t>(pendingAt_), bytes.begin(), bytes.end());
  readInBackground();
}

std::span<std::uint8_t> CarriedStream::reserve() {
  if (carrier_ && out()->line().queued() > 0) return {};
  return core_.reserve();
}

void CarriedStream::commit(std::size_t bytes) {
  core_.commit(bytes);
  sendMore();
}

void CarriedStream::finish() {
  core_.finish();
  sendMore();
}

void CarriedStream::abort() {
  release();
  if (over_) return;
  core_.abort();
  std::vector<std::uint8_t>{}.swap(pending_);
  pendingAt_ = 0;
  if (!carrier_) return onDetached();
  const auto self = shared_from_this();
  sendMore();
  readInBackground();
}

void CarriedStream::waitReadable(Handler handler) {
  readHandler_ = std::move(handler);
  waitForLine();
}

void CarriedStream::readLater(Handler handler) {
  readHandler_ = std::move(handler);
  asio::post(context_.thread.context(), [self = shared_from_this()] { self->wakeReader(); });
}

void CarriedStream::waitWritable(Handler handler) {
  writeHandler_ = std::move(handler);
  readInBackground();  // it may be an acknowledgement that is missing
}

void CarriedStream::watchEnd() { readInBackground(); }

void CarriedStream::release() {
  readHandler_ = nullptr;
  writeHandler_ = nullptr;
  lossHandler_ = nullptr;
}

void CarriedStream::wakeReader() {
  if (const Handler handler = std::exchange(readHandler_, nullptr)) handler();
}

void CarriedStream::wakeWriter() {
  // Within read() its caller is at work, and would not expect to have ended when it returns.
  if (reading_ && writeHandler_) {
    asio::post(context_.thread.context(), [self = shared_from_this()] { self->wakeWriter(); });
    return;
  }
  if (const Handler handler = std::exchange(writeHandler_, nullptr)) handler();
}

/// Whoever waits for nothing, or for somebody else.
void CarriedStream::tellLost() {
  if (reading_) {  // as above
    asio::post(context_.thread.context(), [self = shared_from_this()] { self->tellLost(); });
    return;
  }
  wakeWriter();
  if (pending() > 0 && !error_) return;  // the reader finds out when it has taken them
  if (const Handler handler = std::exchange(lossHandler_, nullptr)) handler();
}

// ---------------------------------------------------------------------- reading

bool CarriedStream::takeData(std::size_t bytes) {
  if (!core_.receive(bytes)) {
    onViolation();
    return false;
  }
  if (!core_.aborted()) return true;
  discarded_ += bytes;
  if (discarded_ > kMostDiscarded) onViolation();
  return false;
}

void CarriedStream::handle(const Frame& frame) {
  const wire::FrameType type = frame.header.type;
  const bool unanswered = core_.awaitsAnswer();
  if (unanswered && type == wire::FrameType::reject) return onReject(frame);
  const bool late = type == wire::FrameType::ack || type == wire::FrameType::reset || type == wire::FrameType::window ||
                    type == wire::FrameType::ackEvery || (type == wire::FrameType::pong && core_.resuming());
  if (unanswered && late) return carrier_->handleForBehind(frame);
  using Event = stream::ResumableStream::Event;
  switch (core_.handle(Clock::now(), frame.header, frame.payload)) {
    case Event::none:
      return;
    case Event::fin:
      return core_.ackDue() ? sendMore() : void();
    case Event::answered:
    case Event::resumed: {
      carrier_->onAnswered();
      carrier_->confirmBehind();
      lastAckLost_ = false;
      if (type == wire::FrameType::resumed) resumed();
      if (core_.answered()) onAnswered();
      return wakeWriter();
    }
    case Event::room:
      return wakeWriter();
    case Event::reset:
      sendMore();
      return tellLost();
    case Event::switched:
      return onSwitched();
    case Event::violation:
      return onViolation();
  }
}

/// While the local program does not read: as far as somebody may have something to say to the stream itself.
void CarriedStream::readInBackground() {
  const auto self = shared_from_this();
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (!in() || lineReadWait_ || reading_ || readHandler_ || !mustRead()) return;
    Frame frame;
    const auto scratch = context_.thread.scratch();
    const auto read = in()->line().read(scratch, frame);
    switch (read.state) {
      case SecureLine::Read::State::data:
        if (!takeData(read.bytes)) continue;
        pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(std::exchange(pendingAt_, 0)));
        pending_.insert(pending_.end(), scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(read.bytes));
        continue;
      case SecureLine::Read::State::frame:
        handle(frame);
        continue;
      case SecureLine::Read::State::wouldBlock:
        sendMore();
        return waitForLine();
      case SecureLine::Read::State::ended:
      case SecureLine::Read::State::broken:
        return onCarrierBroken("the connection ended");
    }
  }
  asio::post(context_.thread.context(), [self] { self->readInBackground(); });
}

void CarriedStream::waitForLine() {
  if (!in() || lineReadWait_) return;
  lineReadWait_ = true;
  in()->line().waitReadable([self = shared_from_this(), keep = in(), epoch = readEpoch_](const net::ErrorCode& ec) {
    if (epoch != self->readEpoch_) return;
    self->lineReadWait_ = false;
    if (ec) return self->onCarrierBroken("the connection ended");
    if (self->readHandler_) self->wakeReader();
    self->readInBackground();
  });
}

// ---------------------------------------------------------------------- sending

CarriedStream::Sent CarriedStream::sendSome() {
  if (!carrier_ || (migration_ && migration_->nextFailed)) return Sent::nothing;
  SecureLine& line = out()->line();
  if (line.queued() > 0) return Sent::full;
  if (migration_ && migration_->said && !migration_->out) {
    migration_->out = true;
    endMigrationIfDone();
    return Sent::some;
  }
  const bool switching = core_.switchOwed();
  const auto frames = core_.next();
  if (frames.empty()) return Sent::nothing;
  if (line.write(frames, core_.hasMore()) != FrameLine::State::ok) return Sent::failed;
  if (switching && !core_.switchOwed()) migration_->said = true;
  return Sent::some;
}

void CarriedStream::sendMore() {
  for (;;) {
    switch (sendSome()) {
      case Sent::some:
        continue;
      case Sent::full:
        return waitForRoom();
      case Sent::failed:
        return onSendFailed();
      case Sent::nothing:
        break;
    }
    break;
  }
  if (!lazy_ && core_.hasLazy()) {
    lazy_ = true;
    context_.streams.flushSoon(shared_from_this());
  }
  leaveIfDone();
}

void CarriedStream::waitForRoom() {
  if (lineWriteWait_) return;
  lineWriteWait_ = true;
  out()->line().waitWritable([self = shared_from_this(), keep = out(), epoch = writeEpoch_](const net::ErrorCode& ec) {
    if (epoch != self->writeEpoch_) return;
    self->lineWriteWait_ = false;
    if (ec) return self->onSendFailed();
    self->onLineWritable();
  });
}

void CarriedStream::onLineWritable() {
  switch (out()->line().flush()) {
    case FrameLine::State::wouldBlock:
      return waitForRoom();
    case FrameLine::State::ok:
      sendMore();
      if (!congested()) wakeWriter();
      return;
    default:
      return onSendFailed();
  }
}

/// A target whose last words are on their way has closed the carrier that it was to go to: they come on the old one.
void CarriedStream::onSendFailed() {
  if (migration_ && migration_->out && !migration_->in) {
    migration_->nextFailed = true;
    return;
  }
  onCarrierBroken("the connection ended");
}

void CarriedStream::flushLazy() {
  lazy_ = false;
  core_.wantAck();
  sendMore();
}

// ------------------------------------------------------------------------- ends

void CarriedStream::onViolation() { giveUp(Error{Errc::protocol_error, peer_.str(), "a frame that does not belong there"}); }

void CarriedStream::giveUp(const Error& error) {
  if (over_ || error_) return;
  const auto self = shared_from_this();
  error_ = error;
  sayReset();
  becomeOver();
  wakeReader();
  tellLost();
}

void CarriedStream::endNow() {
  if (over_) return;
  const auto self = shared_from_this();
  if (!error_) error_ = Error{Errc::stopped, "the client"};
  sayReset();
  becomeOver();
  tellLost();
  release();
}

/// So that the other side need not wait for what will not come.
void CarriedStream::sayReset() {
  if (!carrier_) return;
  core_.abort();
  while (sendSome() == Sent::some) continue;
  // A connection that is closed with unread bytes is reset, which might overtake the word.
  Frame frame;
  for (int round = 0; round < kRoundsPerTurn && in(); ++round) {
    const auto read = in()->line().read(context_.thread.scratch(), frame);
    if (read.state != SecureLine::Read::State::data && read.state != SecureLine::Read::State::frame) break;
  }
  dropCarrier();
}

void CarriedStream::becomeOver() {
  if (std::exchange(over_, true)) return;
  const auto self = shared_from_this();
  if (const auto left = left_.lock()) left->forgetBehind(*this);
  core_.close();  // a Stream of the library may outlive the client
  onOver();
  context_.streams.remove(*this);
}

// ------------------------------------------------------------------------- time

void CarriedStream::tick(TimePoint now) {
  const auto self = shared_from_this();
  if (!carrier_) {
    if (!gone_ && !over_) onTickDetached(now);
    return;
  }
  if (!core_.tick()) {
    onSilent();
    return onCarrierBroken("nothing came for 10 s");
  }
  if (migration_ && now - migration_->since > kLongestMigration) return onCarrierBroken("the way to another carrier got stuck");
  sendMore();
  readInBackground();
}

void CarriedStream::suspect() {
  if (!carrier_) return;
  core_.suspect();
  sendMore();
}

void CarriedStream::resumed() {
  if (core_.endedBothWays() && core_.confirmed()) return;  // for its last word only: nobody has waited
  ++resumes_;
  lostTime_ = lostTime(Clock::now());
  lostAt_ = TimePoint{};
  context_.streams.onResumed(*this);
}

StreamInfo CarriedStream::info() const {
  StreamInfo out;
  out.id = id_.shortHex();
  out.peer = peer_.str();
  out.port = port_;
  out.outbound = role_ == Role::initiator;
  out.attached = carrier_ != nullptr;
  out.resumes = resumes_;
  out.migrations = migrations_;
  out.repeatedBytes = core_.repeated();
  if (carrier_) out.carrier = carrier_->way();
  const TimePoint now = Clock::now();
  out.age = std::chrono::duration_cast<Millis>(now - madeAt_);
  if (stalled()) out.stalledFor = std::chrono::duration_cast<Millis>(now - lostAt_);
  out.lostTime = std::chrono::duration_cast<Millis>(lostTime(now));
  out.bytesSent = core_.sent();
  out.bytesReceived = core_.received();
  return out;
}

}  // namespace chuantou::engine
