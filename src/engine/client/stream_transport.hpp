// What a Stream of the library's users runs on: a bare socket, or a stream that outlives its carriers.
#pragma once

#include <functional>
#include <memory>

#include "engine/client/carried_stream.hpp"

namespace chuantou::engine {

/// On the client's thread; nothing blocks.
class StreamTransport {
 public:
  enum class State { ok, wouldBlock, ended, broken };
  struct Io {
    State state = State::ok;
    std::size_t bytes = 0;
  };
  using Handler = std::function<void(const net::ErrorCode& ec)>;

  virtual ~StreamTransport() = default;
  virtual Io read(std::span<std::uint8_t> into) = 0;
  virtual Io write(std::span<const std::uint8_t> bytes) = 0;
  /// ok: all that was written has left.
  virtual State flush() = 0;
  virtual void waitReadable(Handler handler) = 0;
  virtual void waitWritable(Handler handler) = 0;
  /// There is no way to the other side at the moment.
  virtual bool waits() const { return false; }
  virtual void shutdown() = 0;
  virtual void close() = 0;
  virtual void reset() = 0;
};

/// `early` was read from the socket before, and is read first.
std::unique_ptr<StreamTransport> makePlainTransport(net::TcpSocket socket, std::vector<std::uint8_t> early);
std::unique_ptr<StreamTransport> makeSecureTransport(std::shared_ptr<CarriedStream> stream);

}  // namespace chuantou::engine
