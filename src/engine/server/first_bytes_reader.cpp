#include "engine/server/first_bytes_reader.hpp"

#include <asio/buffer.hpp>

#include "net/socket_options.hpp"

namespace chuantou::engine {

void FirstBytesReader::start() {
  net::prepareAccepted(socket_);
  wait();
}

void FirstBytesReader::wait() {
  socket_.async_read_some(asio::buffer(bytes_.data() + have_, bytes_.size() - have_),
                          [self = shared_from_this()](const net::ErrorCode& ec, std::size_t size) {
                            if (!self->socket_.is_open()) return;
                            if (ec) return self->refuse();
                            self->have_ += size;
                            self->decide();
                          });
}

void FirstBytesReader::decide() {
  const std::span<const std::uint8_t> bytes{bytes_.data(), have_};
  switch (wire::classify(bytes)) {
    case wire::FirstBytes::more:
      return wait();
    case wire::FirstBytes::http:
      return owner_.onHttp(peer_, std::move(socket_), bytes);
    case wire::FirstBytes::data:
      if (have_ < wire::kPrefaceSize) return wait();
      return owner_.onDataChannel(peer_, std::move(socket_),
                                  wire::decodePreface(std::span<const std::uint8_t, wire::kPrefaceSize>{bytes_}));
    case wire::FirstBytes::tls:
    case wire::FirstBytes::garbage:
      return refuse();
  }
}

void FirstBytesReader::refuse(bool late) {
  net::ErrorCode ignored;
  socket_.close(ignored);
  owner_.onRefused(peer_, late);
}

void FirstBytesReader::onDeadline() {
  if (socket_.is_open()) refuse(true);
}

void FirstBytesReader::drop() {
  if (socket_.is_open()) refuse();
}

}  // namespace chuantou::engine
