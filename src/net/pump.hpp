// Passes bytes between two sockets, both ways, until both have ended: what every forwarded connection is made of.
//
// An end of stream (FIN) is passed on as one, after all bytes before it; a reset as a reset. A side that does not read
// stops the other side's writer: at most one pipe (or one buffer) of bytes is under way in each direction. A connection
// that is silent holds neither. With fast paths the bytes never enter user space (splice(2)).
#pragma once

#include "net/io_thread.hpp"

namespace chuantou::net {

enum class PumpEnd : std::uint8_t {
  finished,  ///< both directions saw their end of stream
  reset,     ///< one side was reset or failed; the other was reset too
  aborted,   ///< by abort()
};

struct PumpResult {
  PumpEnd end = PumpEnd::finished;
  std::uint64_t bytesAtoB = 0;
  std::uint64_t bytesBtoA = 0;
  bool gatePassed = true;  ///< false: it ended before the gate let the first byte of B through
};

/// Stands before direction B→A and reads what is not meant for A (the carrier's answer).
class PumpGate {
 public:
  enum class Verdict { wait, pass, fail };
  virtual ~PumpGate() = default;
  /// B is readable. Reads without blocking. `fail` resets both sides.
  virtual Verdict onReadable(TcpSocket& b) = 0;
  /// After `pass`: what it has read beyond its own bytes, which is meant for A.
  virtual std::vector<std::uint8_t> takeRest() { return {}; }
};

class Pump : public std::enable_shared_from_this<Pump> {
 public:
  /// Runs once, on the pump's thread, after both sockets are closed.
  using Done = std::function<void(const PumpResult& result)>;

  /// Both sockets must be non-blocking and belong to the thread's context.
  Pump(IoThread& thread, TcpSocket a, TcpSocket b, Done done);
  ~Pump();

  /// `forB` has been read from A before, and goes first.
  void start(std::shared_ptr<PumpGate> gate = nullptr, std::vector<std::uint8_t> forB = {});
  /// Resets both sides. `done` runs.
  void abort();
  /// While the gate is shut: gives A back if not a byte of it has been taken, and ends without running `done`.
  std::optional<TcpSocket> releaseA();

 private:
  struct Direction {
    Pipe pipe;
    std::vector<std::uint8_t> leftover;  ///< goes first: read in advance, or (portable path) not taken by a full peer
    std::size_t inPipe = 0;
    std::uint64_t bytes = 0;
    bool eof = false;   ///< the source has sent all
    bool shut = false;  ///< and the sink has been told so
    bool portable = !CHUANTOU_FAST_PATHS;
  };
  enum class Step { again, wantRead, wantWrite, finished, broken };

  TcpSocket& source(int direction) { return direction == 0 ? a_ : b_; }
  TcpSocket& sink(int direction) { return direction == 0 ? b_ : a_; }
  void waitForGate();
  void passGate();
  void run(int direction);
  Step step(int direction);
  static Step sendLeftover(Direction& d, int to);
  Step stepSplice(Direction& d, int from, int to);
  Step stepCopy(Direction& d, int from, int to);
  void wait(int direction, TcpSocket& socket, asio::socket_base::wait_type what);
  void watchForReset(int direction);
  void givePipe(Direction& d);
  void finish(PumpEnd end);

  IoThread& thread_;
  TcpSocket a_;
  TcpSocket b_;
  Done done_;
  std::shared_ptr<PumpGate> gate_;
  Direction directions_[2];
  bool gatePassed_ = true;
};

}  // namespace chuantou::net
