// A carrier's frames on what is under them: a bare TCP connection (PlainLine), or TLS between the two clients (SecureLine).
#pragma once

#include "net/tls_socket.hpp"
#include "wire/carrier_frame.hpp"

namespace chuantou::engine {

struct Frame {
  wire::FrameHeader header;
  wire::FrameBytes payload;
};

/// On the client's thread. After `ended` or `broken` nothing more comes.
class FrameLine {
 public:
  using State = net::TlsSocket::State;

  virtual ~FrameLine() = default;
  /// A whole frame that is not DATA.
  virtual State readFrame(Frame& out) = 0;
  /// `more`: the stream's bytes follow at once. Frames are few and short; what the system does not take of one means that
  /// the peer has stopped reading at a place where it must not.
  virtual bool sendFrame(std::span<const std::uint8_t> frame, bool more = false) = 0;
  virtual net::TcpSocket& socket() = 0;
};

}  // namespace chuantou::engine
