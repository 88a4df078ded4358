#pragma once

#include <cstddef>

#include "clock.hpp"
#include "samples.hpp"
#include "socket.hpp"

namespace chuantou::bench {

// True when the service answers through `at` within `patience`: the whole way is up.
bool answersTcp(Port at, Milliseconds patience);
bool answersUdp(Port at, Milliseconds patience);

// Round trips of `size` bytes, one after another on one connection, in microseconds; every byte that comes back is
// compared. Throws Failure when one is wrong or does not come.
Samples runEchoLoad(Port at, std::size_t size, Seconds span);

}  // namespace chuantou::bench
