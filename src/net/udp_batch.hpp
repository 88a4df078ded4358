// Datagrams many at a time: one system call for up to 64, or for one train of equal ones (segmentation offload).
#pragma once

#include <array>

#include "net/types.hpp"

namespace chuantou::net {

/// One datagram of a received batch; the bytes are the batch's until the next receive().
struct Datagram {
  std::span<std::uint8_t> bytes;
  const UdpEndpoint* from = nullptr;
  const asio::ip::address* to = nullptr;  ///< ours; null unless the socket was told to say it (enableDestinations())
};

/// Receives. Large (its memory is touched only as far as datagrams fill it): one a thread, shared by its sockets.
class UdpReceiver {
 public:
  static constexpr std::size_t kBatch = 64;
  static constexpr std::size_t kSlot = 65'536;

  UdpReceiver();
  ~UdpReceiver();
  UdpReceiver(const UdpReceiver&) = delete;
  UdpReceiver& operator=(const UdpReceiver&) = delete;

  /// Asks the kernel to hand over trains of equal datagrams of one sender in one piece. Once a socket, after opening.
  static void enableTrains(UdpSocket& socket);
  /// What is there now, without waiting; empty when nothing is. Trains are taken apart again.
  /// An ICMP error of an earlier send is reported by `refused`.
  std::span<const Datagram> receive(UdpSocket& socket, bool* refused = nullptr);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::vector<Datagram> datagrams_;
};

/// Sends: collects datagrams of a header and a payload each, and sends them in as few calls as it can. A datagram that
/// the kernel does not take now is dropped, as a network would.
class UdpSender {
 public:
  static constexpr std::size_t kBatch = 64;

  /// `header` is copied (at most 16 bytes); `payload` must stay valid until flush(). A full batch is flushed first.
  void add(UdpSocket& socket, const UdpEndpoint* to, std::span<const std::uint8_t> header,
           std::span<const std::uint8_t> payload);
  void flush();
  std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  struct Item {
    std::array<std::uint8_t, 16> header;
    std::uint8_t headerSize = 0;
    std::span<const std::uint8_t> payload;
    std::size_t size() const { return headerSize + payload.size(); }
  };
  bool sendTrain(std::size_t first, std::size_t count);
  void sendEach(std::size_t first, std::size_t count);

  UdpSocket* socket_ = nullptr;
  UdpEndpoint to_;
  bool connected_ = false;
  std::array<Item, kBatch> items_;
  std::size_t count_ = 0;
  std::uint64_t dropped_ = 0;
  bool trains_ = CHUANTOU_FAST_PATHS != 0;
};

}  // namespace chuantou::net
