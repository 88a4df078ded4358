#pragma once

#include <cstddef>
#include <vector>

#include "clock.hpp"
#include "samples.hpp"
#include "socket.hpp"

namespace chuantou::bench {

struct ChurnResult {
  double perSecond = 0;
  Samples firstByte;  // microseconds from connect() to the service's first byte
  std::size_t failed = 0;
};

// Keeps `concurrency` connections under way for `span`; each is closed after its first byte and the next begun.
ChurnResult runConnectionLoad(Port at, std::size_t concurrency, Seconds span);

// Connections that stay open until destruction.
class HeldConnections {
 public:
  // Opens them, some at a time; fewer than `count` are held when some fail or time runs out.
  HeldConnections(Port at, std::size_t count);

  std::size_t size() const { return held_.size(); }
  // How many still carry bytes both ways.
  std::size_t countAlive() const;

 private:
  std::vector<Fd> held_;
};

}  // namespace chuantou::bench
