// A WebSocket over a TCP socket, or over TLS: texts in, texts out. Both ends of the control channel, and the HTTP side of
// the port.
#pragma once

#include "net/tls_socket.hpp"
#include "net/websocket_codec.hpp"

namespace chuantou::net {

/// On one thread. Everything is reported to the owner, who keeps it alive until closed().
class MessageChannel : public std::enable_shared_from_this<MessageChannel> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void onOpen(MessageChannel& channel) = 0;
    virtual void onText(MessageChannel& channel, std::string text) = 0;
    /// Something came that is no text (a ping, a pong): the peer lives.
    virtual void onHeard(MessageChannel& channel) = 0;
    /// Server only. Answer with respond(), now or later.
    virtual void onRequest(MessageChannel& channel, HttpRequest request) = 0;
    /// Once, last. The socket is closed.
    virtual void onClosed(MessageChannel& channel, const std::string& reason) = 0;
  };

  MessageChannel(IoThread& thread, TcpSocket socket, WebSocketCodec codec, Owner* owner);
  /// After the handshake.
  MessageChannel(IoThread& thread, std::unique_ptr<TlsSocket> socket, WebSocketCodec codec, Owner* owner);

  /// Begins to read; `first` was read before.
  void start(std::span<const std::uint8_t> first = {});
  void send(std::string_view text);
  void respond(const HttpResponse& response);
  /// Sends what is queued and a close frame, then ends; after kClosePatience at the latest.
  void close(int code, std::string_view reason);
  /// Sends what the socket takes now and resets the connection, which needs no acknowledgement. The owner hears onClosed().
  void reset(const std::string& reason);
  /// Ends at once. The owner hears onClosed() unless it has let go of the channel.
  void abort(const std::string& reason);
  /// Another owner hears what follows.
  void adopt(Owner* owner) noexcept { owner_ = owner; }
  /// The owner goes away and wants to hear nothing more.
  void disown() noexcept { owner_ = nullptr; }

  std::string remoteAddress() const;
  TcpEndpoint remoteEndpoint() const { return remote_; }
  /// Of this side; no address in particular when the system does not say.
  TcpEndpoint localEndpoint() const;
  bool isOpen() const noexcept { return !closed_; }
  /// Bytes that wait for the peer to read.
  std::size_t queued() const noexcept { return outgoing_.size() - sent_ + (tls_ ? tls_->queued() : 0); }
  enum class Fault { none, tooLong, notReading };
  /// The peer's part in the end.
  Fault fault() const noexcept { return fault_; }

  /// A peer that does not read is cut off when more than this waits for it, encrypted or not.
  std::size_t maxQueued = 8 * 1024 * 1024;
  static constexpr Millis kClosePatience{5'000};

  std::uint64_t tag = 0;  ///< the owner's own mark

 private:
  TcpSocket& socket() noexcept { return tls_ ? tls_->socket() : socket_; }
  const TcpSocket& socket() const noexcept { return const_cast<MessageChannel&>(*this).socket(); }
  std::size_t waiting();
  void waitReadable();
  void readAvailable();
  void readPlain();
  void readTls();
  void consume(std::span<std::uint8_t> bytes);
  void scheduleFlush();
  void flush();
  ErrorCode writeSome();
  void waitWritable();
  void finish(const std::string& reason);

  IoThread& thread_;
  TcpSocket socket_;  ///< without TLS
  std::unique_ptr<TlsSocket> tls_;
  TcpEndpoint remote_;
  WebSocketCodec codec_;
  Owner* owner_;
  std::string outgoing_;
  std::size_t sent_ = 0;
  std::unique_ptr<Timer> closeTimer_;
  std::string closeReason_;
  Fault fault_ = Fault::none;
  bool flushScheduled_ = false;
  bool waitingWrite_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

}  // namespace chuantou::net
