#pragma once

#include "socket.hpp"

namespace chuantou::bench {

// The target behind every system that is measured: speaks protocol.hpp on a TCP and a UDP port, in one thread. Never
// returns; its process is ended by the one that started it. Throws Failure when a port can't be had.
[[noreturn]] void runService(Port tcp, Port udp);

}  // namespace chuantou::bench
