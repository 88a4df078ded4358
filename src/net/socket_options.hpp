// Socket options that Asio has no names for.
#pragma once

#include "net/types.hpp"

namespace chuantou::net {

/// TCP_NODELAY, and keep-alive probes (10 s idle, 4 × 3 s) that find a vanished peer of a silent connection, and keep NATs from
/// forgetting it. Not TCP_USER_TIMEOUT: Linux ends by it also a connection whose peer lives and does not read for a while.
/// Accepted sockets have what their listening socket had (Linux; elsewhere they are set one by one).
void prepareListening(Acceptor& acceptor);
/// An accepted socket: non-blocking, and what prepareListening() could not pass on.
void prepareAccepted(TcpSocket& socket);
/// A socket that is about to connect to `to`: opened, non-blocking, TCP_NODELAY; with keep-alive probes unless the peer is
/// on this machine, where it cannot vanish without a word.
void openForDial(TcpSocket& socket, const TcpEndpoint& to);
/// A close() that the peer sees as a reset.
void closeWithReset(TcpSocket& socket) noexcept;
/// 4 MB of receive and send buffer where the system allows it.
void enlargeUdpBuffers(UdpSocket& socket);

}  // namespace chuantou::net
