// Frames on a bare TCP connection. After ACCEPT the socket is the stream: it is given away and spliced.
#pragma once

#include "engine/client/frame_line.hpp"

namespace chuantou::engine {

class PlainLine final : public FrameLine {
 public:
  PlainLine(net::IoThread& thread, net::TcpSocket socket) : thread_(thread), socket_(std::move(socket)) {}

  State readFrame(Frame& out) override { return readFrame(socket_, out); }
  /// From the socket after it was given away.
  State readFrame(net::TcpSocket& socket, Frame& out);
  bool sendFrame(std::span<const std::uint8_t> frame, bool more) override;
  net::TcpSocket& socket() override { return socket_; }
  net::TcpSocket releaseSocket() { return std::move(socket_); }
  /// What was read beyond the last frame: the stream's first bytes.
  std::vector<std::uint8_t> takeRest() { return std::move(received_); }
  bool nothingRead() const noexcept { return received_.empty(); }

 private:
  net::IoThread& thread_;
  net::TcpSocket socket_;
  std::vector<std::uint8_t> received_;
};

}  // namespace chuantou::engine
