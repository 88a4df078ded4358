#include "engine/server/udp_relay.hpp"

#include <openssl/crypto.h>

namespace chuantou::engine {

namespace {
/// Batches in one turn of the event loop.
constexpr int kBatchesPerTurn = 8;

std::uint32_t evenOf(UdpSession session) { return static_cast<std::uint32_t>(session) & ~1u; }
std::size_t endOf(UdpSession session) { return static_cast<std::uint32_t>(session) & 1u; }
}  // namespace

void UdpRelay::start(Other other) {
  other_ = std::move(other);
  for (net::UdpSocket& socket : sockets_) {
    net::UdpReceiver::enableTrains(socket);
    wait(socket);
  }
}

void UdpRelay::add(UdpSession initiator, const DataKey& initiatorKey, const DataKey& targetKey) {
  Entry& entry = entries_[evenOf(initiator)];
  entry.ends[0].key = initiatorKey;
  entry.ends[1].key = targetKey;
}

void UdpRelay::remove(UdpSession initiator) { entries_.erase(evenOf(initiator)); }

void UdpRelay::wait(net::UdpSocket& socket) {
  socket.async_wait(net::UdpSocket::wait_read, [this, &socket](const net::ErrorCode& ec) {
    if (!ec) receive(socket);
  });
}

void UdpRelay::receive(net::UdpSocket& socket) {
  if (!receiver_) receiver_ = std::make_unique<net::UdpReceiver>();
  for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
    const auto datagrams = receiver_->receive(socket);
    if (datagrams.empty()) break;
    for (const net::Datagram& datagram : datagrams) handle(socket, datagram);
    sender_.flush();
  }
  wait(socket);
}

void UdpRelay::handle(net::UdpSocket& socket, const net::Datagram& datagram) {
  const auto packet = wire::decodeUdpPacket(datagram.bytes);
  const auto drop = [this] { stats_.dropped.fetch_add(1, std::memory_order_relaxed); };
  if (!packet) {
    if (!other_(socket, datagram)) drop();
    return;
  }
  if (packet->session == wire::kUdpControl) return handleBind(socket, *datagram.from, packet->payload);
  const auto it = entries_.find(evenOf(packet->session));
  if (it == entries_.end()) return drop();
  const End& from = it->second.ends[endOf(packet->session)];
  const End& to = it->second.ends[1 - endOf(packet->session)];
  if (!from.socket || !to.socket || from.address != *datagram.from) return drop();
  datagram.bytes[3] ^= 1;  // the receiver's own number
  sender_.add(*to.socket, &to.address, {}, datagram.bytes);
  stats_.datagrams.fetch_add(1, std::memory_order_relaxed);
  stats_.bytes.fetch_add(packet->payload.size(), std::memory_order_relaxed);
}

void UdpRelay::handleBind(net::UdpSocket& socket, const net::UdpEndpoint& from, std::span<const std::uint8_t> payload) {
  const auto bind = wire::decodeBind(payload);
  const auto it = bind ? entries_.find(evenOf(bind->session)) : entries_.end();
  if (it == entries_.end()) {
    stats_.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  End& end = it->second.ends[endOf(bind->session)];
  if (CRYPTO_memcmp(end.key.bytes.data(), bind->key.bytes.data(), bind->key.bytes.size()) != 0) {
    stats_.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  end.address = from;
  end.socket = &socket;
  const auto bound = wire::encodeBound(bind->session);
  sender_.flush();
  sender_.add(socket, &from, {}, bound);
  sender_.flush();  // before `bound` goes
}

}  // namespace chuantou::engine
