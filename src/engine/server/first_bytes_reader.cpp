#include "engine/server/first_bytes_reader.hpp"

#include <asio/buffer.hpp>
#include <asio/error.hpp>

#include "net/socket_options.hpp"

namespace chuantou::engine {

void FirstBytesReader::start() {
  net::prepareData(socket_);
  wait();
}

void FirstBytesReader::wait() {
  socket_.async_wait(net::TcpSocket::wait_read, [self = shared_from_this()](const net::ErrorCode& ec) {
    if (!self->socket_.is_open()) return;
    if (ec) return self->refuse();
    self->read();
  });
}

void FirstBytesReader::read() {
  net::ErrorCode ec;
  have_ += socket_.read_some(asio::buffer(bytes_.data() + have_, bytes_.size() - have_), ec);
  if (ec == asio::error::would_block || ec == asio::error::try_again) return wait();
  if (ec) return refuse();
  const std::span<const std::uint8_t> bytes{bytes_.data(), have_};
  switch (wire::classify(bytes)) {
    case wire::FirstBytes::more:
      return wait();
    case wire::FirstBytes::http:
      return owner_.onHttp(std::move(socket_), bytes);
    case wire::FirstBytes::data:
      if (have_ < wire::kPrefaceSize) return wait();
      return owner_.onDataChannel(std::move(socket_), wire::decodePreface(std::span<const std::uint8_t, wire::kPrefaceSize>{bytes_}));
    case wire::FirstBytes::tls:
    case wire::FirstBytes::garbage:
      return refuse();
  }
}

void FirstBytesReader::refuse() {
  net::ErrorCode ignored;
  socket_.close(ignored);
  owner_.onRefused();
}

void FirstBytesReader::onDeadline() {
  if (socket_.is_open()) refuse();
}

}  // namespace chuantou::engine
