#pragma once

#include "socket.hpp"

namespace chuantou::bench {

// A one-hop TCP relay that moves bytes with splice(2) through pooled pipes and does nothing else: the least that a
// relay in user space can cost on this kernel. Half-close is kept; an idle connection holds no pipe. Never returns.
[[noreturn]] void runSpliceRelay(Port at, Port target);

}  // namespace chuantou::bench
