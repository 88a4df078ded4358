// One end of a forwarded connection: numbered, acknowledged, and therefore able to go on over another carrier.
//
// A core: it is told what the local program and the carrier bring, and says which frames go out. A carrier is any ordered
// byte pipe; the stream may lose it at any byte, and is given another one. Each direction counts its bytes; the FIN at
// its end counts as one more. RESUME and RESUMED exchange the counts of what has come, and each side goes on from there:
// nothing is lost or repeated. (docs/PROTOCOL.md, section 5)
//
// The last word of a side on a carrier is RESET, or the later of its FIN and its ACK of the other side's FIN. It says
// nothing after that, and whoever gets a RESET before it has said its own answers with one. So both sides know of each frame which stream it
// belongs to when the carrier goes on with the next.
#pragma once

#include <algorithm>

#include "base/time.hpp"
#include "stream/replay_buffer.hpp"
#include "stream/window_tuner.hpp"
#include "wire/carrier_frame.hpp"

namespace chuantou::stream {

class ResumableStream {
 public:
  enum class Role : std::uint8_t { initiator, target };

  ResumableStream(Role role, ChunkPool& pool) : role_(role), pool_(pool), replay_(pool) {}

  // ---- the local program's side
  /// Room for its next bytes, in the pool's spare chunk, until anything else is called on a stream of the pool. Empty: the
  /// other end has to acknowledge first, or this side has ended.
  std::span<std::uint8_t> reserve();
  /// So many of them have come.
  void commit(std::size_t bytes);
  /// The local side sends no more: a FIN follows its bytes.
  void finish();
  /// The local side is gone: what has not been sent never will be, and the other end is reset.
  void abort();
  /// Bytes of the other end that the local program has taken; the rest wait here, which is what holds the sender back.
  void delivered(std::size_t bytes) noexcept { delivered_ = std::min(delivered_ + bytes, received_); }
  /// It has not taken the last ones after all.
  void undelivered(std::size_t bytes) noexcept { delivered_ -= std::min<std::uint64_t>(bytes, delivered_); }
  /// Nothing more will be said: gives back what is kept for repeating. The pool is not needed any more.
  void close();
  /// Target: the service has been reached. `atOnce`: the answer does not wait for the service's first bytes.
  void accept(bool atOnce);

  // ---- the carrier's side
  /// Target: the carrier that OPEN has come on.
  void attach();
  /// Initiator: OPEN leaves with the first bytes.
  void attachOpening(wire::FrameBytes open);
  /// Initiator: RESUME leaves (none: it has left), and nothing else until the answer comes.
  void attachResuming(wire::FrameBytes resume = {});
  /// Target: RESUME came, with the position up to which the initiator has got the stream. It leaves the carrier that it is
  /// on. False: that cannot be true, or is no longer (a RESUME that a later one has overtaken); nothing has changed.
  bool attachResumed(std::uint64_t position);
  bool canResume(std::uint64_t position) const noexcept { return possible(position); }
  void detach();
  bool attached() const noexcept { return link_ != Link::none; }

  /// The next frames to send, in one piece; empty: nothing now. They must be sent before anything else is called.
  std::span<const std::uint8_t> next();
  /// There will be more at once.
  bool hasMore() const noexcept { return link_ == Link::open && cursor_ < replay_.end() && alive(); }

  enum class Event : std::uint8_t {
    none,
    answered,  ///< the target has accepted: its bytes may follow
    resumed,   ///< the target goes on; answered() says whether it has accepted
    fin,       ///< the other side's last byte has come
    reset,     ///< the other side has given up
    room,      ///< something was acknowledged
    switched,  ///< the rest comes on the other carrier
    violation, ///< the peer breaks the protocol: the carrier and the stream end
  };
  /// A frame that is not DATA. OPEN, REJECT and RESUME are the carrier's matter.
  Event handle(TimePoint now, const wire::FrameHeader& header, std::span<const std::uint8_t> payload);
  /// So many bytes of DATA have come. False: violation.
  bool receive(std::size_t bytes);

  /// Planned hand-over: everything up to here goes over the present carrier, which SWITCH ends. next() gives it; what it
  /// gives after that is the new carrier's.
  void switchOver() noexcept { switchOwed_ = true; }
  bool switchOwed() const noexcept { return switchOwed_; }

  // ---- time
  /// Once a second while attached; then next() may have something. False: the carrier has been silent for too long while
  /// something was owed. As long as the local program leaves bytes here, the carrier need not be read.
  bool tick();
  /// The path may have changed: the carrier has 3 s to prove that it is alive.
  void suspect();
  /// Acknowledges what has come at the next next(), be it as little as it is.
  void wantAck() noexcept { ackWanted_ = true; }
  /// There is something that may wait for company, but not for long.
  bool hasLazy() const noexcept { return link_ == Link::open && !spoken() && (ackOwed() || (accepted_ && !answerSent_)); }

  // ---- state
  /// Initiator: what comes on the carrier before the answer belongs to the stream before this one.
  bool awaitsAnswer() const noexcept { return role_ == Role::initiator && (link_ == Link::resuming || !answered_); }
  bool answered() const noexcept { return answered_; }
  /// Initiator: RESUME has not been answered; nothing else of this stream is under way.
  bool resuming() const noexcept { return link_ == Link::resuming; }
  /// What has come from the other end, all bytes and the FIN: where it goes on after a resumption.
  std::uint64_t position() const noexcept { return received_ + (finReceived_ ? 1 : 0); }
  bool finReceived() const noexcept { return finReceived_; }
  bool endedBothWays() const noexcept { return finished_ && finReceived_; }
  bool resetReceived() const noexcept { return resetReceived_; }
  bool aborted() const noexcept { return aborted_; }
  /// This side has said its last word on the carrier, and no bytes come from the other one: the next stream may follow. Until
  /// it is confirmed() whatever comes on the carrier is this stream's.
  bool leavable() const noexcept {
    return link_ == Link::open && !resumedOwed_ && !switchOwed_ && spoken() && (heardLast() || (finReceived_ && !resetReceived_));
  }
  /// The other end is known to have got everything, or to have given up; an aborted stream's other end, to have heard of it.
  bool confirmed() const noexcept { return resetReceived_ || (finAcked() && (!aborted_ || finReceived_)); }
  /// A target's answer comes before everything else, so that what comes before it belongs to the stream before this one.
  bool ackOwed() const noexcept { return (role_ == Role::initiator || accepted_) && ackPosition() > ackSent_; }
  /// The other end waits for an acknowledgement: next() gives it.
  bool ackDue() const noexcept {
    return link_ == Link::open && !resetSent_ && ackOwed() && (ackPosition() >= ackSent_ + ackEvery_ || (finReceived_ && finSent()));
  }
  std::size_t unacked() const noexcept { return static_cast<std::size_t>(cursor_ - acked_); }
  /// Received, and not yet taken by the local program.
  std::size_t backlog() const noexcept { return static_cast<std::size_t>(received_ - delivered_); }
  std::uint64_t sent() const noexcept { return replay_.end(); }
  std::uint64_t received() const noexcept { return received_; }
  std::uint64_t repeated() const noexcept { return repeated_; }

  /// No carrier has brought anything for so many ticks while something was owed.
  static constexpr int kProbeAfter = 3;
  static constexpr int kDeadAfter = 10;
  /// An initiator's carrier that is idle is asked so often whether it still leads somewhere, which keeps NATs' mappings too.
  /// A target that has missed two asks itself.
  static constexpr int kKeepAliveAfter = 30;
  /// More than this is never under way; who sends more than it may ends the stream.
  static constexpr std::size_t kMostUnacked = 16 * 1024 * 1024;

 private:
  enum class Link : std::uint8_t { none, resuming, open };

  std::uint64_t lastPosition() const noexcept { return replay_.end() + (finished_ ? 1 : 0); }
  std::uint64_t ackPosition() const noexcept { return finReceived_ ? received_ + 1 : delivered_; }
  bool alive() const noexcept { return !aborted_ && !resetReceived_; }
  bool finSent() const noexcept { return finished_ && cursor_ == lastPosition(); }
  bool finAcked() const noexcept { return finished_ && acked_ == lastPosition(); }
  bool spoken() const noexcept { return resetSent_ || (finSent() && finReceived_ && !ackOwed()); }
  bool heardLast() const noexcept { return resetHere_ || (finReceived_ && finAcked()); }
  /// What of its own bytes may be unacknowledged.
  std::size_t limit() const noexcept;
  /// A position that the other side can have got to.
  bool possible(std::uint64_t position) const noexcept { return position >= acked_ && position <= sentHigh_; }
  void goOnFrom(std::uint64_t position);
  Event onAck(TimePoint now, std::uint64_t position);
  Event onReset();
  std::size_t writeControl(bool withData);

  Role role_;
  Link link_ = Link::none;
  // What is owed on the present carrier.
  bool answerSent_ = false;
  bool answerNow_ = false;
  bool resumedOwed_ = false;
  bool pingOwed_ = false;
  bool pongOwed_ = false;
  bool ackWanted_ = false;
  bool hereOwed_ = false;  ///< an ACK, be it of nothing new
  bool resetOwed_ = false;  ///< unless the last word has been said
  bool resetSent_ = false;
  bool resetHere_ = false;  ///< received
  bool switchOwed_ = false;
  // The stream.
  bool accepted_ = false;  ///< target
  bool answered_ = false;  ///< initiator
  bool finished_ = false;
  bool aborted_ = false;
  bool finReceived_ = false;
  bool resetReceived_ = false;
  // Silence.
  bool heard_ = false;
  bool pinged_ = false;
  bool expecting_ = false;  ///< the other side was in the middle of something
  int silent_ = 0;
  int quiet_ = 0;

  ChunkPool& pool_;
  ReplayBuffer replay_;
  wire::FrameBytes first_;  ///< OPEN or RESUME, until it has left
  // The bytes that were read last, where they were read into, as long as nobody else has used the pool's spare chunk.
  std::span<std::uint8_t> freshBytes_;
  std::uint64_t freshAt_ = 0;
  std::uint64_t freshUse_ = 0;
  std::uint64_t cursor_ = 0;     ///< next to be sent on this carrier
  std::uint64_t sentHigh_ = 0;   ///< the furthest it has ever been
  std::uint64_t acked_ = 0;      ///< has reached the other side, and need not be sent again
  std::uint64_t taken_ = 0;      ///< has left it for its program: acked_, but for what waited there at a resumption
  std::uint64_t received_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t ackSent_ = 0;    ///< on this carrier
  std::uint64_t told_ = 0;       ///< the highest ACK there has been
  std::uint64_t repeated_ = 0;
  WindowTuner tuner_;
  std::uint32_t peerWindow_ = kMostUnacked;
  std::uint32_t windowSent_ = kMostUnacked;
  std::uint32_t windowWanted_ = kMostUnacked;
  std::uint32_t ackEvery_ = kFirstAckEvery;      ///< asked for by the other side
  std::uint32_t ackEverySent_ = kFirstAckEvery;  ///< asked for by this one
  std::array<std::uint8_t, wire::kPingSize> pongPayload_{};
  static constexpr std::uint32_t kFirstAckEvery = 64 * 1024;
};

}  // namespace chuantou::stream
