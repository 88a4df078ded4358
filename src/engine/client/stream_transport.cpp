#include "engine/client/stream_transport.hpp"

#include <asio/buffer.hpp>
#include <asio/error.hpp>

#include "net/socket_options.hpp"

namespace chuantou::engine {

namespace {

using State = StreamTransport::State;

State stateOf(const net::ErrorCode& ec) {
  if (!ec) return State::ok;
  if (ec == asio::error::would_block || ec == asio::error::try_again) return State::wouldBlock;
  return ec == asio::error::eof ? State::ended : State::broken;
}

class PlainTransport final : public StreamTransport {
 public:
  PlainTransport(net::TcpSocket socket, std::vector<std::uint8_t> early) : socket_(std::move(socket)), early_(std::move(early)) {}

  Io read(std::span<std::uint8_t> into) override {
    if (!early_.empty()) {
      const std::size_t size = std::min(into.size(), early_.size());
      std::copy_n(early_.begin(), size, into.begin());
      early_.erase(early_.begin(), early_.begin() + static_cast<std::ptrdiff_t>(size));
      return {State::ok, size};
    }
    net::ErrorCode ec;
    const std::size_t n = socket_.read_some(asio::buffer(into.data(), into.size()), ec);
    return {stateOf(ec), n};
  }
  Io write(std::span<const std::uint8_t> bytes) override {
    net::ErrorCode ec;
    const std::size_t n = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), ec);
    return {stateOf(ec), n};
  }
  State flush() override { return State::ok; }
  void waitReadable(Handler handler) override { socket_.async_wait(net::TcpSocket::wait_read, std::move(handler)); }
  void waitWritable(Handler handler) override { socket_.async_wait(net::TcpSocket::wait_write, std::move(handler)); }
  void shutdown() override {
    net::ErrorCode ignored;
    socket_.shutdown(net::TcpSocket::shutdown_send, ignored);
  }
  void close() override {
    net::ErrorCode ignored;
    socket_.close(ignored);
  }
  void reset() override { net::closeWithReset(socket_); }

 private:
  net::TcpSocket socket_;
  std::vector<std::uint8_t> early_;
};

class SecureTransport final : public StreamTransport {
 public:
  SecureTransport(net::IoThread& thread, SecureLine& line, std::shared_ptr<void> owner)
      : thread_(thread), line_(line), owner_(std::move(owner)) {}

  Io read(std::span<std::uint8_t> into) override {
    using End = SecureLine::Read::State;
    if (line_.gotLast()) return {State::ended, 0};
    const auto read = line_.read(into);
    switch (read.state) {
      case End::ok:
        return {State::ok, read.bytes};
      case End::wouldBlock:
        return {State::wouldBlock, 0};
      case End::fin:
        return {State::ended, 0};
      case End::reset:
      case End::broken:
        break;
    }
    return {State::broken, 0};
  }
  Io write(std::span<const std::uint8_t> bytes) override {
    const State before = flush();
    if (before != State::ok) return {before, 0};
    const std::size_t size = std::min(bytes.size(), kBatch);
    const auto framed = thread_.scratch().first(SecureLine::kRoom + size);
    std::copy_n(bytes.begin(), size, framed.begin() + SecureLine::kRoom);
    return {line_.write(framed) == FrameLine::State::ok ? State::ok : State::broken, size};
  }
  State flush() override {
    switch (line_.flush()) {
      case FrameLine::State::ok:
        return State::ok;
      case FrameLine::State::wouldBlock:
        return State::wouldBlock;
      default:
        return State::broken;
    }
  }
  void waitReadable(Handler handler) override {
    line_.waitReadable([keep = owner_, handler = std::move(handler)](const net::ErrorCode& ec) { handler(ec); });
  }
  void waitWritable(Handler handler) override {
    line_.waitWritable([keep = owner_, handler = std::move(handler)](const net::ErrorCode& ec) { handler(ec); });
  }
  void shutdown() override {
    if (!line_.sentLast()) line_.sendLast(wire::FrameType::fin);
  }
  void close() override {
    net::ErrorCode ignored;
    line_.socket().close(ignored);
  }
  void reset() override {
    if (!line_.sentLast()) line_.sendLast(wire::FrameType::reset);
    net::closeWithReset(line_.socket());
  }

 private:
  static constexpr std::size_t kBatch = 64 * 1024;
  net::IoThread& thread_;
  SecureLine& line_;
  std::shared_ptr<void> owner_;
};

}  // namespace

std::unique_ptr<StreamTransport> makePlainTransport(net::TcpSocket socket, std::vector<std::uint8_t> early) {
  return std::make_unique<PlainTransport>(std::move(socket), std::move(early));
}

std::unique_ptr<StreamTransport> makeSecureTransport(net::IoThread& thread, SecureLine& line, std::shared_ptr<void> owner) {
  return std::make_unique<SecureTransport>(thread, line, std::move(owner));
}

}  // namespace chuantou::engine
