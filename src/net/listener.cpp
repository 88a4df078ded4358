#include "net/listener.hpp"

#include <asio/error.hpp>
#include <asio/ip/v6_only.hpp>
#include <cerrno>

#include "net/socket_options.hpp"
#include "net/sys_error.hpp"

namespace chuantou::net {

namespace {

constexpr int kTriesForAFreePort = 32;

bool familyIsMissing(const ErrorCode& ec) {
  return ec == asio::error::address_family_not_supported || isErrno(ec, EADDRNOTAVAIL);
}

/// A socket of either kind, bound. `port` 0 becomes the one that the system gave.
template <class Socket>
ErrorCode bindOne(Socket& socket, const asio::ip::address& address, std::uint16_t& port) {
  using Endpoint = typename Socket::endpoint_type;
  ErrorCode ec;
  const Endpoint endpoint{address, port};
  socket.open(endpoint.protocol(), ec);
  if (ec) return ec;
  if (address.is_v6()) socket.set_option(asio::ip::v6_only(true), ec);
  if constexpr (std::is_same_v<Socket, Acceptor>) socket.set_option(asio::socket_base::reuse_address(true), ec);
  socket.bind(endpoint, ec);
  if (ec) return ec;
  if (port == 0) port = socket.local_endpoint(ec).port();
  socket.non_blocking(true, ec);
  return ec;
}

/// All sockets on one port; on failure says which address failed.
ErrorCode bindAll(asio::io_context& context, const ListenOptions& options,
                  const std::vector<asio::ip::address>& addresses, Listening& out, asio::ip::address& failed) {
  ErrorCode skipped;
  out = {};
  out.port = options.port;
  for (const asio::ip::address& address : addresses) {
    failed = address;
    ErrorCode ec;
    if (options.tcp) {
      Acceptor acceptor{context};
      ec = bindOne(acceptor, address, out.port);
      if (!ec) {
        prepareListening(acceptor);
        acceptor.listen(options.backlog, ec);
      }
      if (!ec) out.tcp.push_back(std::move(acceptor));
    }
    if (!ec && options.udp) {
      UdpSocket socket{context};
      ec = bindOne(socket, address, out.port);
      if (!ec) {
        enlargeUdpBuffers(socket);
        out.udp.push_back(std::move(socket));
      }
    }
    if (ec && familyIsMissing(ec) && addresses.size() > 1) {
      skipped = ec;
      continue;
    }
    if (ec) return ec;
    if (out.host.empty()) out.host = address.to_string();
  }
  return out.host.empty() ? skipped : ErrorCode{};
}

}  // namespace

Result<Listening> listenOn(asio::io_context& context, const ListenOptions& options) {
  std::vector<asio::ip::address> addresses;
  for (const std::string& host : options.hosts) {
    ErrorCode ec;
    const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, ec);
    if (ec) return Error{Errc::address_unavailable, host, "an address is wanted, such as 127.0.0.1 or ::1"};
    addresses.push_back(address);
  }
  // With port 0 the first socket chooses; another program may hold that port on another address or for UDP.
  for (int tries = options.port == 0 ? kTriesForAFreePort : 1;; --tries) {
    Listening out;
    asio::ip::address failed;
    const ErrorCode ec = bindAll(context, options, addresses, out, failed);
    if (!ec) return out;
    if (tries > 1 && ec == asio::error::address_in_use) continue;
    return listenError(ec, failed.to_string(), options.port == 0 ? out.port : options.port, options.portFlag);
  }
}

}  // namespace chuantou::net
