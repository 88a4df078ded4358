#pragma once

#include "socket.hpp"

namespace chuantou::bench {

// A one-hop UDP relay with recvmmsg and sendmmsg and one socket a client, the counterpart of SpliceRelay. Never
// returns.
[[noreturn]] void runDatagramRelay(Port at, Port target);

}  // namespace chuantou::bench
