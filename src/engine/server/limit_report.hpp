// The server's limits with what they are at, for people.
#pragma once

#include <vector>

#include "chuantou/server.hpp"
#include "engine/server/gate.hpp"
#include "engine/server/stun_service.hpp"
#include "relay/broker.hpp"

namespace chuantou::engine {

/// What the engine itself counts.
struct EngineCounts {
  std::size_t connections = 0;
  std::uint64_t refusedConnections = 0;  ///< maxConnections
  std::uint64_t late = 0;                ///< first bytes that did not come in time
  std::size_t longestMessage = 0;
  std::uint64_t tooLong = 0;
  std::size_t longestQueue = 0;
  std::uint64_t cutOff = 0;  ///< for not reading
};

/// By the names of the flags; looks at every client and every source.
std::vector<ServerLimit> limitReport(const ServerConfig& config, const EngineCounts& counts, Gate& gate,
                                     const relay::Broker& broker, StunService& stun);

}  // namespace chuantou::engine
