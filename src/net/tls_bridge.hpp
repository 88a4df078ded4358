// A TLS connection as an ordinary socket, for code that pumps sockets and knows nothing of TLS.
#pragma once

#include "net/tls_socket.hpp"

namespace chuantou::net {

/// Passes bytes between a TLS connection and one end of a pair of sockets whose other end is given away. An end of stream
/// is a close_notify and the reverse, each direction for itself (RFC 8446, section 6.1); a reset, an end that nobody
/// signed and a broken record are a reset of the other side. A side that does not read stops the other side's writer: one
/// chunk is under way in each direction, and a bridge that is silent holds no buffer. On the thread of the TLS socket;
/// keeps itself alive until both sides have ended.
class TlsBridge : public std::enable_shared_from_this<TlsBridge> {
 public:
  /// After the handshake. Closed when the system has no sockets left; the connection is then gone too.
  static TcpSocket start(IoThread& thread, std::unique_ptr<TlsSocket> outer);

  TlsBridge(IoThread& thread, std::unique_ptr<TlsSocket> outer, TcpSocket inner)
      : thread_(thread), outer_(std::move(outer)), inner_(std::move(inner)) {}

 private:
  enum class Step { again, wantInner, wantOuter, finished, broken };

  void runUp();
  void runDown();
  Step stepUp();
  Step stepDown();
  std::ptrdiff_t sendToInner(std::span<const std::uint8_t> bytes);
  void flushOuter();
  void watchForReset(TcpSocket& socket);
  void finishIfDone();
  void abort();

  IoThread& thread_;
  std::unique_ptr<TlsSocket> outer_;
  TcpSocket inner_;
  std::vector<std::uint8_t> leftover_;  ///< for the inner socket, which was full
  bool upWaits_ = false;     ///< up (to the TLS side) waits for its socket
  bool flushWaits_ = false;
  bool upEnded_ = false;     ///< the inner side has ended, and close_notify is on its way
  bool upFinished_ = false;  ///< and has left
  bool downFinished_ = false;
  bool over_ = false;
};

}  // namespace chuantou::net
