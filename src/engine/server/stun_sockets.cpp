#include "engine/server/stun_sockets.hpp"

#include "base/endpoint_text.hpp"
#include "net/ip_convert.hpp"
#include "net/listener.hpp"
#include "net/local_address.hpp"

namespace chuantou::engine {

namespace {

constexpr std::string_view kFlag = "--stun-alt-address";

Error unfit(const StunAltAddress& wanted, const char* why) {
  return Error{Errc::invalid_argument, "the second address for STUN, " + wanted.ip.str(), why};
}

std::uint16_t portBeside(std::uint16_t port) {
  return static_cast<std::uint16_t>(port == 65'535 ? port - 1 : port + 1);
}

/// Adds a socket; its port, or the error.
Result<std::uint16_t> addSocket(asio::io_context& context, const IpAddress& ip, std::uint16_t port,
                                std::vector<net::UdpSocket>& out) {
  net::ListenOptions options;
  options.hosts = {ip.str()};
  options.port = port;
  options.tcp = false;
  options.portFlag = kFlag;
  auto listening = net::listenOn(context, options);
  if (!listening) return listening.error();
  out.push_back(std::move(listening->udp.front()));
  return listening->port;
}

/// Sockets on every address take the second one's datagrams too: what is missing is the second port.
Result<StunSockets> besideAny(asio::io_context& context, const StunAltAddress& wanted, const UdpAddress& own,
                              std::uint16_t port) {
  std::vector<net::UdpSocket> probe;
  if (const auto here = addSocket(context, wanted.ip, 0, probe); !here) return here.error();
  const auto primary = net::mainAddressBeside(wanted.ip);
  if (!primary) return unfit(wanted, "this machine has no other address of its kind");
  StunSockets out;
  auto second = addSocket(context, own.ip, port, out.sockets);
  if (!second) return second.error();
  out.addresses = {{*primary, own.port}, {wanted.ip, *second}};
  return out;
}

Result<StunSockets> besideOne(asio::io_context& context, const StunAltAddress& wanted, const UdpAddress& own,
                              std::uint16_t port) {
  StunSockets out;
  auto second = addSocket(context, wanted.ip, port, out.sockets);
  if (!second) return second.error();
  out.addresses = {own, {wanted.ip, *second}};
  for (const UdpAddress& address : {UdpAddress{wanted.ip, own.port}, UdpAddress{own.ip, *second}}) {
    if (const auto bound = addSocket(context, address.ip, address.port, out.sockets); !bound) return bound.error();
  }
  return out;
}

}  // namespace

Result<StunAltAddress> parseStunAltAddress(const std::string& text) {
  StunAltAddress out;
  if (const auto ip = IpAddress::parse(text)) {
    out.ip = *ip;
  } else {
    const auto at = parseHostPort(text);
    const auto host = at ? IpAddress::parse(at->host) : std::nullopt;
    if (!host) return Error{Errc::invalid_argument, text, "an address is wanted, such as 192.0.2.2 or 192.0.2.2:8201"};
    out.ip = *host;
    out.port = at->port;
  }
  if (isForbidden(kindOf(out.ip))) return unfit(out, describe(kindOf(out.ip)));
  return out;
}

Result<StunSockets> openStunSockets(asio::io_context& context, const StunAltAddress& wanted,
                                    const std::vector<net::UdpSocket>& own, bool anyPort) {
  for (const net::UdpSocket& socket : own) {
    net::ErrorCode ec;
    const UdpAddress at = net::fromAsio(socket.local_endpoint(ec));
    if (at.ip.isV6() != wanted.ip.isV6()) continue;
    if (at.ip == wanted.ip) return unfit(wanted, "it is the server's first one");
    if (wanted.port == at.port) return unfit(wanted, "its port must be another one than the server's");
    const std::uint16_t port = wanted.port ? *wanted.port : anyPort ? std::uint16_t{0} : portBeside(at.port);
    return kindOf(at.ip) == AddressKind::unspecified ? besideAny(context, wanted, at, port)
                                                     : besideOne(context, wanted, at, port);
  }
  return unfit(wanted, wanted.ip.isV6() ? "the server does not listen on IPv6" : "the server does not listen on IPv4");
}

}  // namespace chuantou::engine
