// The initiator's end of a carrier: asked for, dialled, perhaps kept warm, then opened for one connection.
#pragma once

#include <optional>

#include "engine/client/client_context.hpp"
#include "net/pump.hpp"
#include "wire/carrier_frame.hpp"

namespace chuantou::engine {

/// Also the gate of the pump that it ends in: it reads the target's answer.
class OutboundCarrier final : public SessionHandler,
                              public net::PumpGate,
                              public net::DeadlineQueue::Waiter,
                              public std::enable_shared_from_this<OutboundCarrier> {
 public:
  /// Who opened the carrier. One of onCarrierReady() + onCarrierAnswer(), or onCarrierFailed(), in this order; the latter
  /// may also follow onCarrierReady(). After an answer or a failure nothing more comes.
  class User {
   public:
    virtual ~User() = default;
    /// Bytes of the connection that are there already leave with the opening frame. Returns how many.
    virtual std::size_t takeFirstBytes(std::span<std::uint8_t> into) {
      (void)into;
      return 0;
    }
    /// Connected, and the opening frame sent: bytes may follow. The socket is the user's from here on.
    /// The carrier is the gate of the pump that reads the socket.
    virtual void onCarrierReady(std::shared_ptr<OutboundCarrier> carrier, net::TcpSocket socket) = 0;
    /// The target accepted; what follows on the socket are the service's bytes.
    virtual void onCarrierAnswer() = 0;
    /// A carrier that had been kept warm was dead already. True: the user does without it, nothing has been lost.
    virtual bool onCarrierStale() { return false; }
    virtual void onCarrierFailed(const Error& error) = 0;
  };

  OutboundCarrier(ClientContext& context, Target target) : context_(context), target_(std::move(target)), socket_(context.thread.context()) {}

  /// Asks for the session and dials the server at once.
  void start(std::uint16_t localPort);
  /// Takes the carrier into use with its first bytes (an OPEN frame).
  void open(wire::FrameBytes first, std::shared_ptr<User> user);
  /// Nobody wants it (any more).
  void drop();
  /// Not yet opened: false when the server or the peer has ended it meanwhile.
  bool stillGood();
  TimePoint bornAt() const noexcept { return bornAt_; }

  void onSessionFailed(const Error& error) override;
  void onDeadline() override;
  /// Reads the target's answer from the socket that it had given away.
  Verdict onReadable(net::TcpSocket& socket) override;
  std::vector<std::uint8_t> takeRest() override { return std::move(reply_); }

 private:
  void onConnected(const net::ErrorCode& ec);
  bool sendAll(std::span<const std::uint8_t> bytes);
  void handOver(bool withPreface);
  Verdict answer(std::size_t size);
  Verdict fail(const Error& error);

  ClientContext& context_;
  Target target_;
  net::TcpSocket socket_;
  DataKey key_;
  TimePoint bornAt_{};
  bool connected_ = false;
  bool finished_ = false;
  bool wasWarm_ = false;
  wire::FrameBytes first_;
  std::shared_ptr<User> user_;
  wire::FrameBytes reply_;
};

}  // namespace chuantou::engine
