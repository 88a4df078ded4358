// The target's end of a carrier: dials the server, waits for OPEN, reaches the service and passes its bytes; an encrypted
// one then waits for the next OPEN.
#pragma once

#include "engine/client/client_context.hpp"
#include "engine/client/plain_line.hpp"
#include "engine/client/stream_pump.hpp"

namespace chuantou::engine {

class TcpTargets;

/// As what a peer comes.
struct Visitor {
  ClientId id;
  wire::PeerKey key;
  bool plain = false;      ///< without encryption, which was agreed to
  bool sameGroup = false;  ///< both have proved tokens of one group
};

class InboundCarrier final : public net::DeadlineQueue::Waiter, public std::enable_shared_from_this<InboundCarrier> {
 public:
  InboundCarrier(TcpTargets& targets, Visitor visitor);
  ~InboundCarrier() override { leave(); }

  void start(const DataKey& key);
  void onDeadline() override;
  void end();

 private:
  enum class Stage { dialing, handshaking, standby, opening, open, refused };

  void onConnected(const DataKey& key, net::TcpSocket socket);
  void shakeHands();
  FrameLine& line() { return plain_ ? static_cast<FrameLine&>(*plain_) : *secure_; }
  void waitForFrame();
  void readFrames();
  void handle(const Frame& frame);
  void onSeal(const wire::SealFrame& seal);
  void onOpen(const wire::OpenFrame& open);
  void onServiceReached(net::TcpSocket service);
  void onPlainEnd(const net::PumpResult& result);
  void onSecureEnd(const net::PumpResult& result, bool free);
  void serveInProcess();
  void reject(const Error& error);
  void close();
  void discard();
  void leaveClosed();
  void leave();

  TcpTargets* targets_;
  ClientContext& context_;
  Visitor visitor_;
  Stage stage_ = Stage::dialing;
  net::TcpSocket socket_;  ///< until there is a line
  std::unique_ptr<PlainLine> plain_;
  std::unique_ptr<SecureLine> secure_;
  std::uint16_t port_ = 0;
  bool answerAtOnce_ = false;
  bool reading_ = false;  ///< within readFrames(), which waits itself
  std::shared_ptr<net::Pump> pump_;
  std::shared_ptr<StreamPump> securePump_;
};

}  // namespace chuantou::engine
