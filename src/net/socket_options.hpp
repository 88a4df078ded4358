// Socket options that Asio has no names for.
#pragma once

#include "net/types.hpp"

namespace chuantou::net {

/// Non-blocking, TCP_NODELAY, and keep-alive probes (60 s idle, 6 × 10 s) that find a vanished peer of a silent connection.
void prepareData(TcpSocket& socket);
/// A close() that the peer sees as a reset.
void closeWithReset(TcpSocket& socket) noexcept;
/// 4 MB of receive and send buffer where the system allows it.
void enlargeUdpBuffers(UdpSocket& socket);

}  // namespace chuantou::net
