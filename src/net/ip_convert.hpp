// Addresses between the cores and Asio.
#pragma once

#include "base/udp_address.hpp"
#include "net/types.hpp"

namespace chuantou::net {

inline asio::ip::address toAsio(const IpAddress& address) {
  if (address.isV6()) return asio::ip::address_v6{address.v6()};
  return asio::ip::address_v4{address.v4()};
}
inline UdpEndpoint toAsio(const UdpAddress& address) { return {toAsio(address.ip), address.port}; }

/// A scope id is dropped.
inline IpAddress fromAsio(const asio::ip::address& address) {
  if (address.is_v6()) return IpAddress{address.to_v6().to_bytes()};
  return IpAddress{address.to_v4().to_bytes()};
}
inline UdpAddress fromAsio(const UdpEndpoint& endpoint) { return {fromAsio(endpoint.address()), endpoint.port()}; }

}  // namespace chuantou::net
