#include "engine/client/plain_line.hpp"

#include <asio/buffer.hpp>
#include <asio/error.hpp>

#include "net/socket_io.hpp"

namespace chuantou::engine {

namespace {
/// Read along with a frame: the first request or answer of most protocols.
constexpr std::size_t kReadAhead = 4096;
}  // namespace

FrameLine::State PlainLine::readFrame(net::TcpSocket& socket, Frame& out) {
  for (;;) {
    if (received_.size() >= wire::kFrameHeaderSize) {
      const auto header = wire::decodeHeader(std::span{received_}.first<wire::kFrameHeaderSize>());
      if (!header || header.value().type > wire::FrameType::pong) return State::broken;
      const std::size_t size = wire::kFrameHeaderSize + header.value().length;
      if (received_.size() >= size) {
        const auto begin = received_.begin() + wire::kFrameHeaderSize;
        const auto end = received_.begin() + static_cast<std::ptrdiff_t>(size);
        out.header = header.value();
        out.payload.assign(begin, end);
        received_.erase(received_.begin(), end);
        return State::ok;
      }
    }
    const auto scratch = thread_.scratch().first(kReadAhead);
    net::ErrorCode ec;
    const std::size_t n = socket.read_some(asio::buffer(scratch.data(), scratch.size()), ec);
    received_.insert(received_.end(), scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(n));
    if (ec == asio::error::would_block || ec == asio::error::try_again) return State::wouldBlock;
    if (ec == asio::error::eof) return State::ended;
    if (ec) return State::broken;
  }
}

bool PlainLine::sendFrame(std::span<const std::uint8_t> frame, bool more) {
  return ::send(socket_.native_handle(), frame.data(), frame.size(), MSG_NOSIGNAL | (more ? net::kMoreFollows : 0)) ==
         static_cast<ssize_t>(frame.size());
}

}  // namespace chuantou::engine
