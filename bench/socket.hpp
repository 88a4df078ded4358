#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "clock.hpp"
#include "fd.hpp"

namespace chuantou::bench {

// Everything here is on 127.0.0.1, so a port is a whole address.
enum class Port : std::uint16_t {};

inline int number(Port port) { return static_cast<int>(port); }

// What went wrong, on what, and what to do about it.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A Failure that names the operation and errno.
Failure systemFailure(const std::string& operation);

sockaddr_in loopback(Port port);
void setOption(int fd, int level, int name, int value);

// Non-blocking sockets, TCP ones with TCP_NODELAY. Throw Failure.
Fd tcpSocket();
Fd listenTcp(Port port);
Fd bindUdp(Port port);

// Blocking sockets whose calls give up after `patience`. Throw Failure.
Fd connectTcp(Port port, Milliseconds patience);
Fd connectUdp(Port port, Milliseconds patience);

// Begins to connect a non-blocking socket; an empty Fd, with errno set, where that fails at once.
Fd beginConnect(Port port);

void setNonBlocking(int fd, bool on);
void setPatience(int fd, Milliseconds patience);

// Whole buffers over a blocking socket; false when the connection ended or patience ran out.
bool sendAll(int fd, const void* data, std::size_t size);
bool receiveAll(int fd, void* data, std::size_t size);

// A port that is free for TCP and UDP, under 10000: below those that outgoing connections get, so none takes it
// meanwhile.
Port freePort();

}  // namespace chuantou::bench
