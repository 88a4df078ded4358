#ifdef __APPLE__
#define __APPLE_USE_RFC_3542  // in6_pktinfo
#endif
#include "net/udp_source.hpp"

#include <netinet/in.h>
#include <sys/uio.h>

#include <cstring>

namespace chuantou::net {

namespace {

template <class Info>
void addControl(msghdr& message, std::span<std::uint8_t> room, int level, int type, const Info& info) {
  message.msg_control = room.data();
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(control), &info, sizeof info);
}

}  // namespace

bool enableDestinations(UdpSocket& socket) {
  ErrorCode ec;
  const bool v6 = socket.local_endpoint(ec).address().is_v6();
  const int on = 1;
  if (v6) return ::setsockopt(socket.native_handle(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0;
#if defined(IP_PKTINFO)
  return ::setsockopt(socket.native_handle(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0;
#else
  return false;
#endif
}

std::optional<asio::ip::address> destinationOf(const cmsghdr& control) {
  if (control.cmsg_level == IPPROTO_IPV6 && control.cmsg_type == IPV6_PKTINFO) {
    in6_pktinfo info;
    std::memcpy(&info, CMSG_DATA(&control), sizeof info);
    asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &info.ipi6_addr, bytes.size());
    return asio::ip::address_v6{bytes, IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0};
  }
#if defined(IP_PKTINFO)
  if (control.cmsg_level == IPPROTO_IP && control.cmsg_type == IP_PKTINFO) {
    in_pktinfo info;
    std::memcpy(&info, CMSG_DATA(&control), sizeof info);
    asio::ip::address_v4::bytes_type bytes;
    std::memcpy(bytes.data(), &info.ipi_addr, bytes.size());
    return asio::ip::address_v4{bytes};
  }
#endif
  return std::nullopt;
}

bool sendFrom(UdpSocket& socket, const asio::ip::address& source, const UdpEndpoint& to,
              std::span<const std::uint8_t> bytes) {
  UdpEndpoint target = to;  // sendmsg() wants it writable
  iovec piece{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_name = target.data();
  message.msg_namelen = static_cast<socklen_t>(target.size());
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::uint8_t, kDestinationBytes> room{};
  if (source.is_v6()) {
    in6_pktinfo info{};
    const auto raw = source.to_v6().to_bytes();
    std::memcpy(&info.ipi6_addr, raw.data(), raw.size());
    info.ipi6_ifindex = static_cast<unsigned>(source.to_v6().scope_id());
    addControl(message, room, IPPROTO_IPV6, IPV6_PKTINFO, info);
  } else {
#if defined(IP_PKTINFO)
    in_pktinfo info{};
    const auto raw = source.to_v4().to_bytes();
    std::memcpy(&info.ipi_spec_dst, raw.data(), raw.size());
    addControl(message, room, IPPROTO_IP, IP_PKTINFO, info);
#endif
  }
  return ::sendmsg(socket.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

}  // namespace chuantou::net
