// Two TCP sockets of this process that are connected to each other.
#pragma once

#include "net/types.hpp"

namespace chuantou::net {

struct LoopbackPair {
  TcpSocket a;
  TcpSocket b;
};

/// What socketpair(2) would be, if it could pass on a reset: on a pair of AF_UNIX a reset looks like an orderly end, and
/// half a transfer like a whole one. Non-blocking, with TCP_NODELAY. Nobody else gets between the two.
bool makeLoopbackPair(asio::io_context& context, LoopbackPair& pair, ErrorCode& ec);

}  // namespace chuantou::net
