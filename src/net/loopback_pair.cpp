#include "net/loopback_pair.hpp"

#include <poll.h>

#include <asio/error.hpp>

namespace chuantou::net {

namespace {

/// Strangers that may have found the port in the moment that it was open.
constexpr int kMaxStrangers = 16;
/// A connection to oneself is there when connect() returns; its other end may take another turn of the kernel.
constexpr int kPatienceMs = 1000;

bool acceptOwn(Acceptor& acceptor, LoopbackPair& pair, ErrorCode& ec) {
  const TcpEndpoint own = pair.a.local_endpoint(ec);
  for (int i = 0; !ec && i < kMaxStrangers; ++i) {
    pollfd waiting{acceptor.native_handle(), POLLIN, 0};
    if (::poll(&waiting, 1, kPatienceMs) <= 0) break;
    TcpEndpoint peer;
    acceptor.accept(pair.b, peer, ec);
    if (!ec && peer == own) return true;
    ErrorCode ignored;
    pair.b.close(ignored);
  }
  if (!ec) ec = asio::error::timed_out;
  return false;
}

}  // namespace

bool makeLoopbackPair(asio::io_context& context, LoopbackPair& pair, ErrorCode& ec) {
  const asio::ip::tcp::no_delay noDelay{true};
  Acceptor acceptor{context};
  acceptor.open(asio::ip::tcp::v4(), ec);
  if (!ec) acceptor.bind(TcpEndpoint{asio::ip::address_v4::loopback(), 0}, ec);
  if (!ec) acceptor.listen(kMaxStrangers, ec);
  if (!ec) acceptor.non_blocking(true, ec);
  const TcpEndpoint at = ec ? TcpEndpoint{} : acceptor.local_endpoint(ec);
  if (!ec) pair.a.open(asio::ip::tcp::v4(), ec);
  if (!ec) pair.a.connect(at, ec);
  if (ec || !acceptOwn(acceptor, pair, ec)) return false;
  for (TcpSocket* socket : {&pair.a, &pair.b}) {
    if (!ec) socket->set_option(noDelay, ec);
    if (!ec) socket->non_blocking(true, ec);
  }
  return !ec;
}

}  // namespace chuantou::net
