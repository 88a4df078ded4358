// Where a datagram comes from or goes to, as cores see it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "base/endpoint_text.hpp"
#include "base/ip_address.hpp"

namespace chuantou {

struct UdpAddress {
  IpAddress ip;
  std::uint16_t port = 0;

  /// "192.0.2.1:3478", "[2001:db8::1]:3478".
  std::string str() const { return formatHostPort(ip.str(), port); }
  auto operator<=>(const UdpAddress&) const = default;
};

}  // namespace chuantou
