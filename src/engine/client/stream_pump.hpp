// Passes bytes between a local socket and the stream of an encrypted carrier, both ways, until both have ended: what
// net::Pump is to two sockets.
//
// The end of the local stream (FIN) becomes a FIN frame and the other way round, a reset a RESET; the carrier outlives
// both. A side that does not read stops the other side's writer: what is under way in each direction is one batch. A
// connection that is silent holds no buffer.
#pragma once

#include "engine/client/secure_line.hpp"
#include "net/pump.hpp"

namespace chuantou::engine {

/// What the stream's initiator waits for before the first byte of the other side.
class AnswerGate {
 public:
  virtual ~AnswerGate() = default;
  virtual net::PumpGate::Verdict onFrame(const Frame& frame) = 0;
  /// The carrier ended without an answer.
  virtual void onEndedUnanswered() = 0;
};

class StreamPump final : public std::enable_shared_from_this<StreamPump> {
 public:
  /// Runs once. `free`: the carrier can take the next stream; otherwise its line is of no use any more.
  using Done = std::function<void(const net::PumpResult& result, bool free)>;

  /// `line` is kept alive by `owner`.
  StreamPump(net::IoThread& thread, net::TcpSocket local, SecureLine& line, std::shared_ptr<void> owner, Done done)
      : thread_(thread), local_(std::move(local)), line_(line), owner_(std::move(owner)), done_(std::move(done)) {}

  void start(std::shared_ptr<AnswerGate> gate = nullptr);
  /// Resets the local side. The carrier ends as well.
  void abort() { finish(net::PumpEnd::aborted, false); }
  /// While the gate is shut: gives the local socket back if not a byte of it has been taken, and ends without `done`.
  std::optional<net::TcpSocket> releaseLocal();

 private:
  void runUp();
  void runDown();
  bool passGate();
  bool deliver(std::span<const std::uint8_t> bytes);
  void giveUp();
  void discardRest();
  void checkOver();
  void waitLocal(net::TcpSocket::wait_type what, void (StreamPump::*then)());
  void waitLine(bool readable, void (StreamPump::*then)());
  void watchForReset();
  void finish(net::PumpEnd end, bool free);

  net::IoThread& thread_;
  net::TcpSocket local_;
  SecureLine& line_;
  std::shared_ptr<void> owner_;
  Done done_;
  std::shared_ptr<AnswerGate> gate_;
  std::vector<std::uint8_t> leftover_;  ///< decrypted, and not taken by a full local side
  std::uint64_t up_ = 0;                ///< from the local side
  std::uint64_t down_ = 0;
  std::size_t discarded_ = 0;
  bool localGone_ = false;  ///< reset, or given up: what still comes for it is thrown away
  bool gatePassed_ = true;
};

}  // namespace chuantou::engine
