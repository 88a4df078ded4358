// A connection that has not said yet what it is.
#pragma once

#include <array>

#include "net/deadline_queue.hpp"
#include "net/tls_handshake.hpp"
#include "wire/first_bytes.hpp"

namespace chuantou::engine {

/// Reads at most a data channel's preface, so that a carrier's own bytes stay in the kernel. Inside TLS it asks once more:
/// both times together have one deadline.
class FirstBytesReader final : public net::DeadlineQueue::Waiter, public std::enable_shared_from_this<FirstBytesReader> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void onDataChannel(net::TcpSocket socket, const DataKey& key) = 0;
    /// `first` are the bytes read so far.
    virtual void onHttp(net::TcpSocket socket, std::span<const std::uint8_t> first) = 0;
    /// TLS begins; null: there is none to be had.
    virtual std::unique_ptr<net::TlsSocket> onTls(net::TcpSocket socket, std::span<const std::uint8_t> first) = 0;
    virtual void onDataChannel(std::unique_ptr<net::TlsSocket> socket, const DataKey& key) = 0;
    virtual void onHttp(std::unique_ptr<net::TlsSocket> socket, std::span<const std::uint8_t> first) = 0;
    /// Garbage, a deadline, or gone; the socket is closed.
    virtual void onRefused() = 0;
  };

  FirstBytesReader(net::TcpSocket socket, Owner& owner) : socket_(std::move(socket)), owner_(owner) {}
  void start();
  void onDeadline() override;

 private:
  void wait();
  void readTls();
  void decide();
  void shakeHands();
  template <class Socket>
  void handOver(Socket socket, wire::FirstBytes kind);
  void refuse();

  net::TcpSocket socket_;
  std::weak_ptr<net::TlsHandshake> handshake_;  ///< while it goes on; it holds this object, not the reverse
  std::unique_ptr<net::TlsSocket> tls_;         ///< after it
  Owner& owner_;
  std::array<std::uint8_t, wire::kPrefaceSize> bytes_{};
  std::size_t have_ = 0;
  bool over_ = false;
};

}  // namespace chuantou::engine
