// Frames inside TLS between the two clients, one stream after the other.
//
// A stream's bytes travel in DATA frames. Each side ends its direction with FIN, or gives the stream up with RESET; when
// both have said one of them, the line is free for the next stream.
#pragma once

#include "engine/client/frame_line.hpp"

namespace chuantou::engine {

class SecureLine final : public FrameLine {
 public:
  /// `ticket`: of an earlier session with the same peer; initiators only.
  SecureLine(net::IoThread& thread, net::TcpSocket socket, crypto::TlsContext context, crypto::TlsRole role,
             const crypto::TlsTicket& ticket = nullptr);

  /// ok when it is over. With wouldBlock: wait until it is readable.
  State handshake() { return tls_.handshake(); }
  const crypto::TlsSession& session() const noexcept { return tls_.session(); }
  crypto::TlsTicket takeTicket() { return tls_.session().takeTicket(); }
  void giveTicket();

  State readFrame(Frame& out) override;
  bool sendFrame(std::span<const std::uint8_t> frame, bool more = false) override;
  net::TcpSocket& socket() override { return tls_.socket(); }

  // ---- the stream
  void beginStream() noexcept { sentLast_ = gotLast_ = false; }
  struct Read {
    enum class State { ok, wouldBlock, fin, reset, broken } state;
    std::size_t bytes = 0;
  };
  /// As TlsSocket::read. FIN and RESET are told once, after all bytes before them.
  Read read(std::span<std::uint8_t> into);
  /// `framed` begins with room for a header, followed by the bytes. Not while queued(), nor after the last frame.
  State write(std::span<std::uint8_t> framed);
  static constexpr std::size_t kRoom = wire::kFrameHeaderSize;
  /// FIN or RESET.
  bool sendLast(wire::FrameType type);
  bool sentLast() const noexcept { return sentLast_; }
  bool gotLast() const noexcept { return gotLast_; }

  std::size_t queued() const noexcept { return tls_.queued(); }
  State flush() { return tls_.flush(); }
  /// The handler must keep the line alive.
  template <class F>
  void waitReadable(F f) {
    tls_.waitReadable(std::move(f));
  }
  template <class F>
  void waitWritable(F f) {
    tls_.waitWritable(std::move(f));
  }

 private:
  State readHeader();

  net::TlsSocket tls_;
  std::array<std::uint8_t, wire::kFrameHeaderSize> headerBytes_{};
  std::size_t headerHave_ = 0;
  wire::FrameHeader header_;
  wire::FrameBytes payload_;
  std::size_t payloadHave_ = 0;
  std::size_t dataLeft_ = 0;  ///< of the DATA frame in progress
  bool sentLast_ = true;
  bool gotLast_ = true;
};

}  // namespace chuantou::engine
