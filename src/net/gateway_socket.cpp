#include "net/gateway_socket.hpp"

#include <asio/buffer.hpp>
#include <asio/ip/multicast.hpp>
#include <cerrno>

#include "nat/port_mapping.hpp"
#include "net/sys_error.hpp"

#ifdef __linux__
#include <sys/socket.h>
#endif

namespace chuantou::net {

GatewaySocket::GatewaySocket(asio::io_context& context, const DefaultGateway& gateway, User& user)
    : gateway_(gateway), user_(&user), asking_(context), announcements_(context) {}

void GatewaySocket::start(std::uint16_t port) {
  ErrorCode ec;
  asking_.socket.open(asio::ip::udp::v4(), ec);
  if (!ec) asking_.socket.connect({gateway_.address, port}, ec);
  if (!ec) asking_.socket.non_blocking(true, ec);
  if (!ec) receive(asking_);
  openAnnouncements();
}

void GatewaySocket::openAnnouncements() {
#ifdef SO_REUSEPORT
  // Other programs on this machine want to hear them too (RFC 6886, section 3.2.1).
  using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
  const auto group = asio::ip::make_address_v4("224.0.0.1");
  ErrorCode ec;
  UdpSocket& socket = announcements_.socket;
  socket.open(asio::ip::udp::v4(), ec);
  if (!ec) socket.set_option(UdpSocket::reuse_address{true}, ec);
  if (!ec) socket.set_option(ReusePort{true}, ec);
  if (!ec) socket.bind({group, nat::kGatewayAnnouncePort}, ec);  // the group's address: nothing else comes in
  if (!ec) socket.set_option(asio::ip::multicast::join_group{group, gateway_.local}, ec);
  if (!ec) socket.non_blocking(true, ec);
  if (!ec) return receive(announcements_);
  socket.close(ec);
#endif
}

void GatewaySocket::send(std::span<const std::uint8_t> datagram) {
  ErrorCode ec;  // lost is lost: it is sent again
  asking_.socket.send(asio::buffer(datagram.data(), datagram.size()), 0, ec);
  if (!isErrno(ec, ECONNREFUSED)) return;
  // What the system says of the datagram before, in place of sending this one.
  asio::post(asking_.socket.get_executor(), [self = shared_from_this()] {
    if (self->user_ != nullptr) self->user_->onGatewayRefused();
  });
}

void GatewaySocket::receive(Ear& ear) {
  ear.socket.async_receive_from(asio::buffer(ear.room), ear.from,
                                [self = shared_from_this(), &ear](const ErrorCode& ec, std::size_t size) {
                                  if (self->user_ == nullptr || ec == asio::error::operation_aborted) return;
                                  if (!ec && ear.from.address() == self->gateway_.address)
                                    self->user_->onGatewayDatagram({ear.room.data(), size});
                                  if (isErrno(ec, ECONNREFUSED) && self->user_ != nullptr)
                                    self->user_->onGatewayRefused();
                                  if (self->user_ != nullptr && ear.socket.is_open()) self->receive(ear);
                                });
}

void GatewaySocket::close() {
  user_ = nullptr;
  ErrorCode ignored;
  asking_.socket.close(ignored);
  announcements_.socket.close(ignored);
}

}  // namespace chuantou::net
