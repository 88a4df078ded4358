// A forwarded connection between two clients, which outlives its carriers.
//
// Read and written like a socket that does not block. What a carrier's end means to it is nothing: bytes wait until
// there is another one. Who gets the next carrier, and how long the stream waits for it, is in OutboundStream (which asks
// for one) and InboundStream (which is found by the stream's id).
#pragma once

#include <optional>

#include "engine/client/client_context.hpp"
#include "engine/client/stream_carrier.hpp"
#include "stream/resumable_stream.hpp"

namespace chuantou::engine {

/// A stream between two carriers. Each direction goes over by itself.
struct StreamMigration {
  std::shared_ptr<StreamCarrier> next;  ///< target: none until RESUME names it, which SWITCH may overtake
  bool said = false;                    ///< SWITCH has been written
  bool out = false;                     ///< and has left: the rest goes over the next one
  bool in = false;                      ///< the other side's SWITCH has come
  bool nextFailed = false;              ///< takes no bytes; what comes on the old one is read all the same
  TimePoint since = Clock::now();
};

/// On the client's thread. Kept by the StreamRegistry until it is over.
class CarriedStream : public std::enable_shared_from_this<CarriedStream> {
 public:
  using Handler = std::function<void()>;
  using Role = stream::ResumableStream::Role;

  CarriedStream(ClientContext& context, Role role, const StreamId& id, ClientId peer, std::uint16_t port, Millis patience);
  virtual ~CarriedStream();
  CarriedStream(const CarriedStream&) = delete;
  CarriedStream& operator=(const CarriedStream&) = delete;

  // ---- the local program's side
  struct Read {
    enum class State : std::uint8_t {
      ok,
      wouldBlock,
      fin,   ///< the other side has sent all; told again each time
      lost,  ///< reset by the other side, or given up: error()
    } state;
    std::size_t bytes = 0;
  };
  Read read(std::span<std::uint8_t> into);
  /// Gives back what was read last and nobody takes now.
  void unread(std::span<const std::uint8_t> bytes);
  /// Room for bytes to be sent, for the duration of the caller's turn; empty: wait until it is writable.
  std::span<std::uint8_t> reserve();
  void commit(std::size_t bytes);
  /// There is a way to the other side at the moment.
  bool attached() const noexcept { return carrier_ != nullptr; }
  /// What was committed waits for the network; there is no hurry to bring more.
  bool congested() const noexcept { return !carrier_ || out()->line().queued() > 0; }
  /// All that was committed has left, as far as there is a carrier for it.
  bool flushed() const noexcept { return !carrier_ || (out()->line().queued() == 0 && !core_.hasMore()); }
  void finish();
  /// The local program is gone: the other side is reset, what it still sends is thrown away.
  void abort();
  /// One at a time each; called once, at the latest when the stream is over. Never from within read(); from within any
  /// other call it may be.
  void waitReadable(Handler handler);
  void waitWritable(Handler handler);
  /// Called once, when the stream is lost() and no bytes are left to read, whatever its user waits for.
  void onLost(Handler handler) { lossHandler_ = std::move(handler); }
  /// The other side has ended and is not read any more: that it is lost is to be noticed all the same.
  void watchEnd();
  /// After other connections have had their turn.
  void readLater(Handler handler);
  /// The local program wants to hear no more.
  void release();
  const std::optional<Error>& error() const noexcept { return error_; }
  /// Reset by the other side, or given up: nothing more can be read or written.
  bool lost() const noexcept { return error_ || core_.resetReceived(); }

  // ---- of StreamCarrier: the stream has left it
  /// True: it is over.
  bool handleBehind(const Frame& frame);
  void onConfirmed() { becomeOver(); }
  void onLostBehind();

  // ---- of the registry
  void tick(TimePoint now);
  void flushLazy();
  /// The path may have changed.
  void suspect();
  /// There is a server to get carriers from.
  virtual void onRegistered() {}
  /// Asks for a new carrier while the present one lives, and goes over to it: nothing waits, and nothing is sent twice.
  virtual void migrate() {}
  void giveUp(const Error& error);
  /// The client ends.
  void endNow();

  StreamInfo info() const;
  /// It has lost its carrier, and does not go on yet, though it may have another one.
  bool stalled() const noexcept { return !gone_ && lostAt_ != TimePoint{}; }
  /// From losses to resumptions, all times together.
  Duration lostTime(TimePoint now) const noexcept { return lostTime_ + (stalled() ? now - lostAt_ : Duration{}); }

 protected:
  /// The carrier is gone (it may come again).
  virtual void onDetached() = 0;
  /// The carrier has said nothing for so long that it is given up.
  virtual void onSilent() {}
  virtual void onTickDetached(TimePoint now) { (void)now; }
  virtual void onAnswered() {}
  virtual void onReject(const Frame& frame) { (void)frame; }
  /// Nothing more will happen.
  virtual void onOver() {}

  /// After the core has been told which frame comes first.
  void attachTo(std::shared_ptr<StreamCarrier> carrier);
  /// A planned hand-over: what is on its way comes over the present carrier, up to SWITCH, and what follows over the next one.
  void migrateTo(std::shared_ptr<StreamCarrier> next);
  /// It is on one carrier only, or on its way to one that has still to be named.
  bool mayMigrate() const noexcept { return carrier_ && (!migration_ || !migration_->next) && !over_ && !core_.awaitsAnswer(); }
  /// Leaves the carrier to its end.
  void dropCarrier();
  std::shared_ptr<StreamCarrier> detach();
  bool over() const noexcept { return over_; }
  /// It has left its last carrier, and nothing is to be told any more.
  bool gone() const noexcept { return gone_; }
  TimePoint madeAt() const noexcept { return madeAt_; }
  TimePoint detachedAt() const noexcept { return detachedAt_; }
  void resumed();
  void sendMore();

  ClientContext& context_;
  const Role role_;
  const StreamId id_;
  const ClientId peer_;
  const std::uint16_t port_;
  Millis patience_;
  stream::ResumableStream core_;

 private:
  using CarrierRef = const std::shared_ptr<StreamCarrier>&;
  /// Where bytes go out; none: nowhere.
  CarrierRef out() const noexcept { return migration_ && migration_->out ? migration_->next : carrier_; }
  /// Where they come in.
  CarrierRef in() const noexcept { return migration_ && migration_->in ? migration_->next : carrier_; }
  enum class Sent : std::uint8_t { some, nothing, full, failed };
  Sent sendSome();
  void onSwitched();
  void endMigrationIfDone();
  std::size_t pending() const noexcept { return pending_.size() - pendingAt_; }
  bool mustRead() const noexcept { return pending() == 0 || (writeHandler_ && !congested()); }
  void handle(const Frame& frame);
  /// False: the bytes are not the local program's.
  bool takeData(std::size_t bytes);
  void readInBackground();
  void waitForLine();
  void waitForRoom();
  void onLineWritable();
  void onSendFailed();
  void leaveIfDone();
  void onCarrierBroken(const char* why);
  void onViolation();
  void sayReset();
  void becomeOver();
  void wakeReader();
  void wakeWriter();
  void tellLost();

  std::shared_ptr<StreamCarrier> carrier_;
  std::weak_ptr<StreamCarrier> left_;  ///< where this one stayed behind
  std::optional<StreamMigration> migration_;
  std::uint32_t readEpoch_ = 0;        ///< waits of an earlier carrier have nothing to say
  std::uint32_t writeEpoch_ = 0;
  bool lineReadWait_ = false;
  bool lineWriteWait_ = false;
  bool reading_ = false;  ///< the local program is in read()
  bool lazy_ = false;    ///< in the registry's list
  bool over_ = false;
  bool gone_ = false;    ///< has left its last carrier
  bool lastAckLost_ = false;  ///< that of the other side's FIN, with the carrier; a resumption says it
  Handler readHandler_;
  Handler writeHandler_;
  Handler lossHandler_;
  std::vector<std::uint8_t> pending_;  ///< received, and not read
  std::size_t pendingAt_ = 0;
  std::size_t discarded_ = 0;
  std::optional<Error> error_;
  const TimePoint madeAt_ = Clock::now();
  TimePoint detachedAt_{};
  TimePoint lostAt_{};  ///< when it lost its carrier without having gone on since
  std::uint32_t resumes_ = 0;
  std::uint32_t migrations_ = 0;
  Duration lostTime_{};

  friend class StreamRegistry;
};

}  // namespace chuantou::engine
