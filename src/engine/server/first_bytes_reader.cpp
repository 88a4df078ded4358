#include "engine/server/first_bytes_reader.hpp"

#include <asio/buffer.hpp>

#include "net/socket_options.hpp"

namespace chuantou::engine {

void FirstBytesReader::start() {
  net::prepareAccepted(socket_);
  wait();
}

void FirstBytesReader::wait() {
  if (tls_) {
    return tls_->waitReadable([self = shared_from_this()](const net::ErrorCode& ec) {
      if (self->over_) return;
      if (ec) return self->refuse();
      self->readTls();
    });
  }
  socket_.async_read_some(asio::buffer(bytes_.data() + have_, bytes_.size() - have_),
                          [self = shared_from_this()](const net::ErrorCode& ec, std::size_t size) {
                            if (self->over_) return;
                            if (ec) return self->refuse();
                            self->have_ += size;
                            self->decide();
                          });
}

void FirstBytesReader::readTls() {
  const auto read = tls_->read(std::span{bytes_}.subspan(have_));
  if (read.state == net::TlsSocket::State::wouldBlock) return wait();
  if (read.state != net::TlsSocket::State::ok) return refuse();
  have_ += read.bytes;
  decide();
}

void FirstBytesReader::decide() {
  const auto kind = wire::classify(std::span{bytes_}.first(have_));
  const bool unfinished = kind == wire::FirstBytes::data && have_ < wire::kPrefaceSize;
  if (kind == wire::FirstBytes::more || unfinished) return wait();
  if (kind == wire::FirstBytes::garbage) return refuse();
  if (kind == wire::FirstBytes::tls) return tls_ ? refuse() : shakeHands();  // TLS inside TLS is nothing that we speak
  if (tls_) return handOver(std::move(tls_), kind);
  handOver(std::move(socket_), kind);
}

template <class Socket>
void FirstBytesReader::handOver(Socket socket, wire::FirstBytes kind) {
  over_ = true;
  if (kind == wire::FirstBytes::http) return owner_.onHttp(peer_, std::move(socket), std::span{bytes_}.first(have_));
  owner_.onDataChannel(peer_, std::move(socket),
                              wire::decodePreface(std::span<const std::uint8_t, wire::kPrefaceSize>{bytes_}));
}

void FirstBytesReader::shakeHands() {
  auto tls = owner_.onTls(std::move(socket_), std::span{bytes_}.first(have_));
  have_ = 0;
  if (!tls) return refuse();
  const auto handshake = std::make_shared<net::TlsHandshake>(
      std::move(tls), [self = shared_from_this()](std::unique_ptr<net::TlsSocket> socket, bool good) {
        if (!good) return self->refuse();
        self->tls_ = std::move(socket);
        self->readTls();  // bytes may have come with the handshake, which no wait would tell of
      });
  handshake_ = handshake;
  handshake->start();
}

void FirstBytesReader::refuse(bool late) {
  over_ = true;
  net::ErrorCode ignored;
  if (const auto handshake = handshake_.lock()) handshake->cancel();
  socket_.close(ignored);
  tls_.reset();
  owner_.onRefused(peer_, late);
}

void FirstBytesReader::onDeadline() {
  if (!over_) refuse(true);
}

void FirstBytesReader::drop() {
  if (!over_) refuse();
}

}  // namespace chuantou::engine
