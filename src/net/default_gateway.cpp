#include "net/default_gateway.hpp"

#include <bit>
#include <cstdint>
#include <fstream>
#include <limits>
#include <sstream>

#include "nat/port_mapping.hpp"

namespace chuantou::net {

std::optional<asio::ip::address_v4> gatewayOf(std::string_view routes) {
  // Interface, destination, gateway, flags, reference count, use, metric, mask, …: addresses as the bytes lie in
  // memory.
  constexpr std::uint32_t kUp = 1;
  constexpr std::uint32_t kGateway = 2;
  std::istringstream lines{std::string{routes}};
  std::optional<asio::ip::address_v4> found;
  std::uint64_t lowest = std::numeric_limits<std::uint64_t>::max();
  for (std::string line; std::getline(lines, line);) {
    std::istringstream columns{line};
    std::string interface;
    std::uint32_t destination = 0;
    std::uint32_t gateway = 0;
    std::uint32_t flags = 0;
    std::uint64_t skip = 0;
    std::uint64_t metric = 0;
    std::uint32_t mask = 0;
    columns >> interface >> std::hex >> destination >> gateway >> flags >> std::dec >> skip >> skip >> metric >>
        std::hex >> mask;
    if (!columns || destination != 0 || mask != 0 || gateway == 0) continue;
    if ((flags & (kUp | kGateway)) != (kUp | kGateway) || metric >= lowest) continue;
    lowest = metric;
    found = asio::ip::address_v4{std::bit_cast<asio::ip::address_v4::bytes_type>(gateway)};
  }
  return found;
}

std::optional<DefaultGateway> findDefaultGateway(asio::io_context& context) {
  std::ifstream file{"/proc/net/route"};
  std::ostringstream text;
  text << file.rdbuf();
  const auto address = gatewayOf(text.str());
  if (!address) return std::nullopt;
  // No packet is sent: the system only chooses the way, and with it our address.
  ErrorCode ec;
  UdpSocket socket{context};
  socket.open(asio::ip::udp::v4(), ec);
  if (!ec) socket.connect({*address, nat::kGatewayPort}, ec);
  const auto local = ec ? UdpEndpoint{} : socket.local_endpoint(ec);
  if (ec) return std::nullopt;
  return DefaultGateway{*address, local.address().to_v4()};
}

}  // namespace chuantou::net
