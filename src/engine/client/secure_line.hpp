// Frames inside TLS between the two clients.
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

  /// Not where DATA may come.
  State readFrame(Frame& out) override;
  bool sendFrame(std::span<const std::uint8_t> frame, bool more = false) override;
  net::TcpSocket& socket() override { return tls_.socket(); }

  struct Read {
    enum class State : std::uint8_t { data, frame, wouldBlock, ended, broken } state;
    std::size_t bytes = 0;  ///< of DATA
  };
  /// The bytes of DATA frames, as many as there are, up to the size of `into`; or one other frame.
  Read read(std::span<std::uint8_t> into, Frame& frame);
  /// Whole frames. Not while queued().
  State write(std::span<const std::uint8_t> frames, bool more) { return tls_.write(frames, more); }

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
};

}  // namespace chuantou::engine
