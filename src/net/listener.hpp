// Listening sockets: one port on one or several addresses, for TCP and UDP alike.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "net/types.hpp"

namespace chuantou::net {

struct ListenOptions {
  /// Literal addresses or "localhost". An address of a family that this machine lacks is skipped if another one works.
  std::vector<std::string> hosts;
  std::uint16_t port = 0;  ///< 0: the system chooses one that is free for all of them
  bool tcp = true;
  bool udp = true;
  int backlog = 4096;
  std::string_view portFlag = "--port";  ///< for the error's advice
};

struct Listening {
  std::uint16_t port = 0;
  std::string host;  ///< of the first socket
  std::vector<Acceptor> tcp;
  std::vector<UdpSocket> udp;
};

/// Errors: port_in_use, permission_denied, address_unavailable. The sockets are non-blocking.
Result<Listening> listenOn(asio::io_context& context, const ListenOptions& options);

}  // namespace chuantou::net
