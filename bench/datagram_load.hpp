#pragma once

#include <cstddef>

#include "clock.hpp"
#include "socket.hpp"

namespace chuantou::bench {

struct FloodResult {
  double sentPerSecond = 0;
  double arrivedPerSecond = 0;
  double loss = 1;  // share of what was sent
};

// Sends datagrams of `size` bytes one way at a fixed rate; asks the service itself, on its TCP port `service`, how many
// arrived once no more do.
FloodResult runFlood(Port at, Port service, std::size_t size, double perSecond, Seconds span);

// The highest rate that arrived with at most 1 % lost, in datagrams a second: doubles from `startAt` until more is lost
// twice, then bisects three times; each try lasts `span`. In short ones, what fits into sockets' buffers counts as
// carried: 10,000 small datagrams a hop. 0 when nothing gets through.
double findHighestRate(Port at, Port service, std::size_t size, double startAt, Seconds span);

}  // namespace chuantou::bench
