// A UDP socket that also hears what routers say about its datagrams, and can limit how far one goes.
#pragma once

#include "nat/probe.hpp"
#include "net/types.hpp"

namespace chuantou::net {

/// On one thread. Own one by shared_ptr.
class ProbeSocket : public std::enable_shared_from_this<ProbeSocket> {
 public:
  class User {
   public:
    virtual ~User() = default;
    virtual void onProbeDatagram(std::size_t index, const UdpAddress& from, std::span<const std::uint8_t> bytes) = 0;
    /// Linux only: elsewhere ICMP is not told to sockets that talk to many.
    virtual void onProbeError(const nat::ProbeError& error) = 0;
  };

  /// `index` is the user's name for it.
  ProbeSocket(asio::io_context& context, std::size_t index, User& user) : socket_(context), index_(index), user_(&user) {}

  /// Binds to a port that the system chooses, on all of this machine's addresses of the family, and begins to receive.
  ErrorCode open(bool v6);
  /// A datagram that the system does not take is lost, as on the way. `ttl` 0: as many hops as usual.
  void send(const UdpAddress& to, std::span<const std::uint8_t> bytes, std::uint8_t ttl = 0);
  std::uint16_t port() const noexcept { return port_; }
  /// The user hears nothing more.
  void close() noexcept;

 private:
  void wait();
  void receive();
  void receiveErrors();
  void limitHops(int hops);

  UdpSocket socket_;
  std::size_t index_;
  User* user_;
  bool v6_ = false;
  std::uint16_t port_ = 0;
};

/// Which of this machine's addresses it would send from; nothing: there is no way there. Sends nothing.
std::optional<IpAddress> sourceAddressFor(asio::io_context& context, const UdpAddress& to);

}  // namespace chuantou::net
