#pragma once

#include <functional>

#include "clock.hpp"
#include "socket.hpp"

namespace chuantou::bench {

enum class Direction { down, up };  // down: from the service to the client

struct BulkResult {
  double gigabytesPerSecond = 0;  // payload that arrived, over all streams
  double cpuSecondsPerGigabyte = 0;
  int brokenStreams = 0;  // connections that ended before the time was up
};

// As many bytes as fit through `streams` connections in `span`, after a warm-up. `cpuSeconds` is read at both ends of
// the span, so bytes and processor time are of the same moments. Throws Failure when a connection can't be had.
BulkResult runBulkLoad(Port at, Direction direction, int streams, Seconds span,
                       const std::function<double()>& cpuSeconds);

}  // namespace chuantou::bench
