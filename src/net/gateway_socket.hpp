// The sockets for PCP and NAT-PMP: one that asks the gateway, one that hears its announcements.
#pragma once

#include <array>

#include "net/default_gateway.hpp"

namespace chuantou::net {

/// Gives on only what comes from the gateway's own address. Own one by shared_ptr, on one thread.
class GatewaySocket : public std::enable_shared_from_this<GatewaySocket> {
 public:
  class User {
   public:
    virtual ~User() = default;
    /// An answer, or something announced to all (valid during the call).
    virtual void onGatewayDatagram(std::span<const std::uint8_t> datagram) = 0;
    /// Nobody listens on the gateway's port (ICMP said so).
    virtual void onGatewayRefused() = 0;
  };

  GatewaySocket(asio::io_context& context, const DefaultGateway& gateway, User& user);
  /// Announcements are heard where the port can be shared; without it a restart is noticed at the next renewal.
  void start(std::uint16_t port);
  void send(std::span<const std::uint8_t> datagram);
  /// The user hears nothing more.
  void close();

 private:
  struct Ear {
    explicit Ear(asio::io_context& context) : socket(context) {}
    UdpSocket socket;
    UdpEndpoint from;
    std::array<std::uint8_t, 1536> room;
  };
  void receive(Ear& ear);
  void openAnnouncements();

  DefaultGateway gateway_;
  User* user_;
  Ear asking_;
  Ear announcements_;
};

}  // namespace chuantou::net
