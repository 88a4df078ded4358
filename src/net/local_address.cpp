#include "net/local_address.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

#include "net/ip_convert.hpp"

namespace chuantou::net {

namespace {

std::optional<IpAddress> addressOf(const sockaddr* address) {
  if (address != nullptr && address->sa_family == AF_INET) {
    IpAddress::V4 bytes;
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, bytes.size());
    return IpAddress{bytes};
  }
  if (address != nullptr && address->sa_family == AF_INET6) {
    IpAddress::V6 bytes;
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, bytes.size());
    return IpAddress{bytes};
  }
  return std::nullopt;
}

}  // namespace

std::optional<IpAddress> mainAddress(bool v6) {
  // Addresses of the documentation blocks (RFC 5737, RFC 3849): routed by the default route, and nobody's.
  const IpAddress far = *IpAddress::parse(v6 ? "2001:db8::1" : "192.0.2.1");
  constexpr std::uint16_t kDiscard = 9;
  asio::io_context context{1};
  UdpSocket socket{context.get_executor()};
  ErrorCode ec;
  socket.connect(toAsio(UdpAddress{far, kDiscard}), ec);
  if (ec) return std::nullopt;
  const UdpEndpoint own = socket.local_endpoint(ec);
  if (ec) return std::nullopt;
  return fromAsio(own.address());
}

std::optional<IpAddress> mainAddressBeside(const IpAddress& other) {
  const auto fits = [&](const IpAddress& address) {
    return address != other && address.isV6() == other.isV6() && kindOf(address) == kindOf(other);
  };
  if (const auto main = mainAddress(other.isV6()); main && fits(*main)) return main;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list{first, &::freeifaddrs};
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    const auto address = (each->ifa_flags & IFF_UP) != 0 ? addressOf(each->ifa_addr) : std::nullopt;
    if (address && fits(*address)) return address;
  }
  return std::nullopt;
}

}  // namespace chuantou::net
