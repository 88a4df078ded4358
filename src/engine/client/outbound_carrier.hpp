// The initiator's end of a carrier: asked for, dialled, encrypted, perhaps kept warm, then opened for one connection after
// the other (an unencrypted one: for one).
#pragma once

#include <optional>

#include "engine/client/client_context.hpp"
#include "engine/client/plain_line.hpp"
#include "engine/client/stream_carrier.hpp"
#include "net/pump.hpp"

namespace chuantou::engine {

class CarrierSource;

/// An unencrypted one is also the gate of the pump that it ends in: it reads the target's answer.
class OutboundCarrier final : public SessionHandler,
                              public StreamCarrier,
                              public net::PumpGate,
                              public net::DeadlineQueue::Waiter,
                              public std::enable_shared_from_this<OutboundCarrier> {
 public:
  /// Who opened the carrier. One of onPlainReady() or onSecureReady(), and onCarrierAnswer(); or onCarrierFailed(), which
  /// may also follow the first. After an answer or a failure nothing more comes.
  class User {
   public:
    virtual ~User() = default;
    /// Plain: bytes of the connection that are there already leave with the opening frame. Returns how many.
    virtual std::size_t takeFirstBytes(std::span<std::uint8_t> into) {
      (void)into;
      return 0;
    }
    /// Connected, and the opening frame sent: bytes may follow. The socket is the user's from here on.
    /// The carrier is the gate of the pump that reads the socket.
    virtual void onPlainReady(std::shared_ptr<OutboundCarrier> carrier, net::TcpSocket socket) = 0;
    /// The same where the two clients have encryption, on the carrier's line().
    virtual void onSecureReady(std::shared_ptr<OutboundCarrier> carrier) = 0;
    /// The target accepted; what follows are the service's bytes.
    virtual void onCarrierAnswer() = 0;
    /// Plain: a carrier that had been kept warm was dead already. True: the user does without it, nothing has been lost.
    virtual bool onCarrierStale() { return false; }
    virtual void onCarrierFailed(const Error& error) = 0;
  };

  /// `home`: where it goes when its stream has left it; none: nowhere.
  OutboundCarrier(ClientContext& context, Target target, std::weak_ptr<CarrierSource> home = {})
      : context_(context), target_(std::move(target)), home_(std::move(home)), socket_(context.thread.context()) {}

  /// Asks for the session and dials the server at once.
  void start(std::uint16_t localPort);
  /// Takes the carrier into use with its first bytes (a frame); none: the user sends them itself.
  void open(wire::FrameBytes first, std::shared_ptr<User> user);
  /// Nobody wants it (any more).
  void drop();
  /// The stream is over, and the line free: it waits for the next one.
  void release();
  /// Not in use: false when the server or the peer has ended it meanwhile, or the peer's key is no longer trusted.
  bool stillGood();
  /// It can be opened without waiting.
  bool ready() const noexcept { return ready_ && !finished_; }
  bool hasServed() const noexcept { return hasServed_; }
  /// Of an encrypted carrier that is ready.
  SecureLine& line() noexcept override { return *secure_; }
  void onStreamLeft(bool free) override;
  void onAnswered() override;
  /// Of an unencrypted one: its socket has been given away.
  PlainLine& plainLine() noexcept { return *plain_; }
  TimePoint idleSince() const noexcept { return idleSince_; }

  void onCreated(SessionId id, std::optional<UdpSession> udp, const wire::PeerKey& peer) override;
  void onAccepted() override;
  void onSessionFailed(const Error& error) override;
  void onDeadline() override;
  /// Reads the target's answer from the socket that it had given away.
  Verdict onReadable(net::TcpSocket& socket) override;
  std::vector<std::uint8_t> takeRest() override { return plain_->takeRest(); }
  /// The answer to what it was opened with.
  Verdict onFrame(const Frame& frame);
  void onEndedUnanswered();

 private:
  void onConnected(const net::ErrorCode& ec);
  void shakeHands();
  void becomeReadyIfProved();
  void watch();
  void onIdleReadable();
  void handOverPlain();
  void handOverSecure();
  void noteReached();
  Verdict fail(const Error& error);
  void closeSocket();

  ClientContext& context_;
  Target target_;
  std::weak_ptr<CarrierSource> home_;
  net::TcpSocket socket_;  ///< until there is a line
  std::unique_ptr<PlainLine> plain_;
  std::unique_ptr<SecureLine> secure_;
  DataKey key_;
  TimePoint askedAt_{};
  TimePoint idleSince_{};
  std::optional<wire::PeerKey> told_;  ///< what the server says of the peer, checked against what is remembered
  std::uint64_t watch_ = 0;            ///< the wait of an idle carrier; an older one has nothing to say any more
  std::shared_ptr<OutboundCarrier> untilTold_;  ///< itself: between the handshake and the server's word nobody else may hold it
  bool accepted_ = false;  ///< the peer comes to the session
  bool reached_ = false;   ///< for diagnostics: the peer is known to be at the other end
  bool shaken_ = false;
  bool ready_ = false;
  bool prefaceDue_ = false;
  bool finished_ = false;
  bool wasWarm_ = false;
  bool hasServed_ = false;
  wire::FrameBytes first_;
  std::shared_ptr<User> user_;
};

}  // namespace chuantou::engine
