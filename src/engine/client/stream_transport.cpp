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
  explicit SecureTransport(std::shared_ptr<CarriedStream> stream) : stream_(std::move(stream)) {}

  Io read(std::span<std::uint8_t> into) override {
    const auto read = stream_->read(into);
    switch (read.state) {
      case CarriedStream::Read::State::ok:
        return {State::ok, read.bytes};
      case CarriedStream::Read::State::wouldBlock:
        return {State::wouldBlock, 0};
      case CarriedStream::Read::State::fin:
        gotLast_ = true;
        return {State::ended, 0};
      case CarriedStream::Read::State::lost:
        break;
    }
    return {State::broken, 0};
  }
  Io write(std::span<const std::uint8_t> bytes) override {
    if (stream_->lost()) return {State::broken, 0};
    const auto room = stream_->reserve();
    if (room.empty()) return {State::wouldBlock, 0};
    const std::size_t size = std::min(bytes.size(), room.size());
    std::copy_n(bytes.begin(), size, room.begin());
    stream_->commit(size);
    return {State::ok, size};
  }
  State flush() override {
    if (stream_->lost()) return State::broken;
    return stream_->flushed() ? State::ok : State::wouldBlock;
  }
  void waitReadable(Handler handler) override {
    stream_->waitReadable([handler = std::move(handler)] { handler({}); });
  }
  void waitWritable(Handler handler) override {
    stream_->waitWritable([handler = std::move(handler)] { handler({}); });
  }
  bool waits() const override { return !stream_->attached() && !stream_->lost(); }
  void shutdown() override {
    sentLast_ = true;
    stream_->finish();
  }
  void close() override {
    if (sentLast_ && gotLast_) return stream_->release();
    reset();
  }
  void reset() override { stream_->abort(); }

 private:
  std::shared_ptr<CarriedStream> stream_;
  bool sentLast_ = false;
  bool gotLast_ = false;
};

}  // namespace

std::unique_ptr<StreamTransport> makePlainTransport(net::TcpSocket socket, std::vector<std::uint8_t> early) {
  return std::make_unique<PlainTransport>(std::move(socket), std::move(early));
}

std::unique_ptr<StreamTransport> makeSecureTransport(std::shared_ptr<CarriedStream> stream) {
  return std::make_unique<SecureTransport>(std::move(stream));
}

}  // namespace chuantou::engine
