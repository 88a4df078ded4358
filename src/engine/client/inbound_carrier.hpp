// The target's end of a carrier: dials the server, proves its key, and waits for OPEN or RESUME. An encrypted one serves one
// stream after the other; a plain one reaches the service itself.
#pragma once

#include "engine/client/client_context.hpp"
#include "engine/client/plain_line.hpp"
#include "engine/client/stream_carrier.hpp"
#include "net/pump.hpp"

namespace chuantou::engine {

class TcpTargets;

/// As what a peer comes.
struct Visitor {
  ClientId id;
  wire::PeerKey key;
  bool plain = false;      ///< without encryption, which was agreed to
  bool sameGroup = false;  ///< both have proved tokens of one group
};

class InboundCarrier final : public StreamCarrier, public net::DeadlineQueue::Waiter, public std::enable_shared_from_this<InboundCarrier> {
 public:
  InboundCarrier(TcpTargets& targets, Visitor visitor);
  ~InboundCarrier() override { leave(); }

  void start(const DataKey& key);
  void onDeadline() override;
  void end();

  /// Of an encrypted carrier.
  SecureLine& line() noexcept override { return *secure_; }
  void onStreamLeft(bool free) override;
  /// Says why, and ends.
  void reject(const Error& error);

 private:
  enum class Stage { dialing, handshaking, standby, opening, open, refused };

  void dial();
  void dialAgain();
  void onConnected(net::TcpSocket socket);
  bool endedUnheard();
  void shakeHands();
  FrameLine& frames() { return plain_ ? static_cast<FrameLine&>(*plain_) : *secure_; }
  void waitForFrame();
  void readFrames();
  void handle(const Frame& frame);
  void onSeal(const wire::SealFrame& seal);
  void onResume(const wire::ResumeFrame& resume, std::uint8_t flags);
  void onPlainOpen(const wire::OpenFrame& open);
  void serveInProcess(std::uint16_t port);
  void onServiceReached(net::TcpSocket service);
  void onPlainEnd(const net::PumpResult& result);
  void close();
  void discard();
  void leaveClosed();
  void leave();

  TcpTargets* targets_;
  ClientContext& context_;
  Visitor visitor_;
  DataKey key_;
  Stage stage_ = Stage::dialing;
  bool dialledAgain_ = false;
  bool heard_ = false;  ///< something has come
  net::TcpSocket socket_;  ///< until there is a line
  std::unique_ptr<PlainLine> plain_;
  std::unique_ptr<SecureLine> secure_;
  bool answerAtOnce_ = false;
  bool reading_ = false;  ///< a frame is being handled: what it leads to need not go on with the next one
  std::shared_ptr<net::Pump> pump_;
};

}  // namespace chuantou::engine
