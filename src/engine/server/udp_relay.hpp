// The server's UDP side: passes relayed datagrams between the two proved addresses of a session.
#pragma once

#include <array>
#include <atomic>
#include <unordered_map>

#include "net/udp_batch.hpp"
#include "wire/udp_packet.hpp"

namespace chuantou::engine {

struct UdpRelayStats {
  std::atomic<std::uint64_t> datagrams{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> dropped{0};
};

/// On one thread, but for stats(). By itself it answers nobody but a bind with the right key, and with fewer bytes than that.
class UdpRelay {
 public:
  /// Takes a datagram that is no relay packet; false: it is of no use to anybody.
  using Other = std::function<bool(net::UdpSocket&, const net::Datagram&)>;

  explicit UdpRelay(std::vector<net::UdpSocket> sockets) : sockets_(std::move(sockets)) {}
  void start(Other other);
  std::vector<net::UdpSocket>& sockets() noexcept { return sockets_; }
  void add(UdpSession initiator, const DataKey& initiatorKey, const DataKey& targetKey);
  void remove(UdpSession initiator);
  const UdpRelayStats& stats() const noexcept { return stats_; }

 private:
  struct End {
    DataKey key;
    net::UdpEndpoint address;
    net::UdpSocket* socket = nullptr;  ///< null until the address is proved
  };
  struct Entry {
    std::array<End, 2> ends;  ///< by the number's lowest bit
  };

  void wait(net::UdpSocket& socket);
  void receive(net::UdpSocket& socket);
  void handle(net::UdpSocket& socket, const net::Datagram& datagram);
  void handleBind(net::UdpSocket& socket, const net::UdpEndpoint& from, std::span<const std::uint8_t> payload);

  std::vector<net::UdpSocket> sockets_;
  Other other_;
  std::unordered_map<std::uint32_t, Entry> entries_;
  std::unique_ptr<net::UdpReceiver> receiver_;  ///< at the first datagram
  net::UdpSender sender_;
  UdpRelayStats stats_;
};

}  // namespace chuantou::engine
