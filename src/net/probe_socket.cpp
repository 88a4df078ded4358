#include "net/probe_socket.hpp"

#include <sys/socket.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/ip/unicast.hpp>
#include <asio/ip/v6_only.hpp>
#include <cerrno>
#include <cstring>

#include "net/ip_convert.hpp"
#include "net/socket_io.hpp"

#ifdef __linux__
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#endif

namespace chuantou::net {

namespace {

constexpr std::size_t kMaxDatagram = 1500;
/// Of one waking: others on the thread have work, too.
constexpr int kMaxAtOnce = 64;

#ifdef __linux__
std::optional<UdpAddress> fromSockaddr(const void* at, std::size_t size) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  std::uint16_t family = 0;
  if (size < sizeof family) return std::nullopt;
  std::memcpy(&family, at, sizeof family);
  if (family == AF_INET && size >= sizeof v4) {
    std::memcpy(&v4, at, sizeof v4);
    IpAddress::V4 bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return UdpAddress{IpAddress{bytes}, ntohs(v4.sin_port)};
  }
  if (family == AF_INET6 && size >= sizeof v6) {
    std::memcpy(&v6, at, sizeof v6);
    IpAddress::V6 bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return UdpAddress{IpAddress{bytes}, ntohs(v6.sin6_port)};
  }
  return std::nullopt;
}

std::optional<nat::ProbeError::Kind> kindOf(const sock_extended_err& error) {
  using Kind = nat::ProbeError::Kind;
  if (error.ee_origin == SO_EE_ORIGIN_ICMP) {
    if (error.ee_type == ICMP_TIME_EXCEEDED) return Kind::hopsUsedUp;
    // Other codes are of routers on the way, and may pass (RFC 1122, section 4.2.3.9).
    if (error.ee_type == ICMP_DEST_UNREACH && error.ee_code == ICMP_PORT_UNREACH) return Kind::unreachable;
  }
  if (error.ee_origin == SO_EE_ORIGIN_ICMP6) {
    if (error.ee_type == ICMP6_TIME_EXCEEDED) return Kind::hopsUsedUp;
    if (error.ee_type == ICMP6_DST_UNREACH && error.ee_code == ICMP6_DST_UNREACH_NOPORT) return Kind::unreachable;
  }
  return std::nullopt;
}
#endif

}  // namespace

ErrorCode ProbeSocket::open(bool v6) {
  v6_ = v6;
  ErrorCode ec;
  const auto protocol = v6 ? asio::ip::udp::v6() : asio::ip::udp::v4();
  socket_.open(protocol, ec);
  if (!ec && v6) socket_.set_option(asio::ip::v6_only{true}, ec);
  if (!ec) socket_.bind({protocol, 0}, ec);
  if (!ec) socket_.non_blocking(true, ec);
  if (!ec) port_ = socket_.local_endpoint(ec).port();
  if (ec) return ec;
#ifdef __linux__
  const int on = 1;
  ::setsockopt(socket_.native_handle(), v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on);
#endif
  wait();
  return ec;
}

void ProbeSocket::close() noexcept {
  user_ = nullptr;
  ErrorCode ignored;
  socket_.close(ignored);
}

void ProbeSocket::limitHops(int hops) {
  ErrorCode ignored;
  socket_.set_option(asio::ip::unicast::hops{hops}, ignored);
}

void ProbeSocket::send(const UdpAddress& to, std::span<const std::uint8_t> bytes, std::uint8_t ttl) {
  constexpr int kUsual = 64;
  if (ttl != 0) limitHops(ttl);
  ErrorCode ec;
  // An error may be one of an earlier datagram, told in place of sending this one.
  for (int attempt = 0; attempt < 3; ++attempt) {
    socket_.send_to(asio::buffer(bytes.data(), bytes.size()), toAsio(to), 0, ec);
    if (!ec || wouldBlock(ec.value())) break;
  }
  if (ttl != 0) limitHops(kUsual);
}

void ProbeSocket::wait() {
  socket_.async_wait(UdpSocket::wait_read, [self = shared_from_this()](const ErrorCode& ec) {
    if (ec || self->user_ == nullptr) return;
    self->receiveErrors();
    self->receive();
    if (self->user_ != nullptr) self->wait();
  });
}

void ProbeSocket::receive() {
  std::array<std::uint8_t, kMaxDatagram> room;
  for (int i = 0; i < kMaxAtOnce && user_ != nullptr; ++i) {
    UdpEndpoint from;
    ErrorCode ec;
    const std::size_t size = socket_.receive_from(asio::buffer(room), from, 0, ec);
    if (wouldBlock(ec.value())) return;
    if (!ec) user_->onProbeDatagram(index_, fromAsio(from), {room.data(), size});
  }
}

void ProbeSocket::receiveErrors() {
#ifdef __linux__
  std::array<char, 512> control;
  for (int i = 0; i < kMaxAtOnce && user_ != nullptr; ++i) {
    sockaddr_storage to{};
    msghdr message{};
    message.msg_name = &to;
    message.msg_namelen = sizeof to;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(socket_.native_handle(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    const auto sentTo = fromSockaddr(&to, message.msg_namelen);
    for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr && sentTo; at = CMSG_NXTHDR(&message, at)) {
      const bool v4 = at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR;
      const bool v6 = at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR;
      if ((!v4 && !v6) || at->cmsg_len < CMSG_LEN(sizeof(sock_extended_err))) continue;
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(at), sizeof error);
      const auto kind = kindOf(error);
      // Who said it follows (SO_EE_OFFENDER).
      const auto from = fromSockaddr(CMSG_DATA(at) + sizeof error, at->cmsg_len - CMSG_LEN(sizeof error));
      if (kind && from && user_ != nullptr) user_->onProbeError({*kind, index_, *sentTo, from->ip});
    }
  }
#endif
}

std::optional<IpAddress> sourceAddressFor(asio::io_context& context, const UdpAddress& to) {
  ErrorCode ec;
  UdpSocket socket{context};
  socket.open(to.ip.isV6() ? asio::ip::udp::v6() : asio::ip::udp::v4(), ec);
  if (!ec) socket.connect(toAsio(to), ec);
  const auto local = ec ? UdpEndpoint{} : socket.local_endpoint(ec);
  if (ec || local.address().is_unspecified()) return std::nullopt;
  return fromAsio(local.address());
}

}  // namespace chuantou::net
