// A connection that has not said yet what it is.
#pragma once

#include <array>

#include "net/deadline_queue.hpp"
#include "net/tls_handshake.hpp"
#include "relay/admission.hpp"
#include "wire/first_bytes.hpp"

namespace chuantou::engine {

/// Reads at most a data channel's preface, so that a carrier's own bytes stay in the kernel. Inside TLS it asks once more:
/// both times together have one deadline.
class FirstBytesReader final : public net::DeadlineQueue::Waiter, public std::enable_shared_from_this<FirstBytesReader> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void onDataChannel(relay::PeerId peer, net::TcpSocket socket, const DataKey& key) = 0;
    /// `first` are the bytes read so far.
    virtual void onHttp(relay::PeerId peer, net::TcpSocket socket, std::span<const std::uint8_t> first) = 0;
    /// TLS begins; null: there is none to be had.
    virtual std::unique_ptr<net::TlsSocket> onTls(net::TcpSocket socket, std::span<const std::uint8_t> first) = 0;
    virtual void onDataChannel(relay::PeerId peer, std::unique_ptr<net::TlsSocket> socket, const DataKey& key) = 0;
    virtual void onHttp(relay::PeerId peer, std::unique_ptr<net::TlsSocket> socket, std::span<const std::uint8_t> first) = 0;
    /// Garbage, dropped, gone, or `late`: nothing came in time. The socket is closed.
    virtual void onRefused(relay::PeerId peer, bool late) = 0;
  };

  FirstBytesReader(relay::PeerId peer, net::TcpSocket socket, Owner& owner)
      : peer_(peer), socket_(std::move(socket)), owner_(owner) {}
  void start();
  void onDeadline() override;
  /// Gives up at once, unless it has done its work.
  void drop();

 private:
  void wait();
  void readTls();
  void decide();
  void shakeHands();
  template <class Socket>
  void handOver(Socket socket, wire::FirstBytes kind);
  void refuse(bool late = false);

  relay::PeerId peer_;
  net::TcpSocket socket_;
  std::weak_ptr<net::TlsHandshake> handshake_;  ///< while it goes on; it holds this object, not the reverse
  std::unique_ptr<net::TlsSocket> tls_;         ///< after it
  Owner& owner_;
  std::array<std::uint8_t, wire::kPrefaceSize> bytes_{};
  std::size_t have_ = 0;
  bool over_ = false;
};

}  // namespace chuantou::engine
