// Passes bytes between a local socket and a stream, both ways, until both have ended: what net::Pump is to two sockets.
//
// The end of the local socket (FIN) is the stream's and the other way round, a reset is a reset. A side that does not read
// stops the other side's writer. A connection that is silent holds no buffer.
#pragma once

#include "engine/client/carried_stream.hpp"
#include "net/pump.hpp"

namespace chuantou::engine {

class StreamPump final : public std::enable_shared_from_this<StreamPump> {
 public:
  /// Runs once, when the local socket is closed. The stream may still have to tell the other side.
  using Done = std::function<void(const net::PumpResult& result)>;

  StreamPump(net::IoThread& thread, net::TcpSocket local, std::shared_ptr<CarriedStream> stream, Done done)
      : thread_(thread), local_(std::move(local)), stream_(std::move(stream)), done_(std::move(done)) {}

  void start();
  /// Resets the local side and the other one.
  void abort() { giveUp(net::PumpEnd::aborted); }

 private:
  void runUp();
  void runDown();
  bool deliver(std::span<const std::uint8_t> bytes);
  void checkOver();
  void giveUp(net::PumpEnd end);
  void waitLocal(net::TcpSocket::wait_type what, void (StreamPump::*then)());
  void waitStream(bool readable, void (StreamPump::*then)());
  void watchForReset();
  void finish(net::PumpEnd end);

  net::IoThread& thread_;
  net::TcpSocket local_;
  std::shared_ptr<CarriedStream> stream_;
  Done done_;
  std::uint64_t up_ = 0;    ///< from the local side
  std::uint64_t down_ = 0;
  bool upEnded_ = false;
  bool downEnded_ = false;
  bool watching_ = false;  ///< for a reset of the local side
};

}  // namespace chuantou::engine
