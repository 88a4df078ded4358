// What a detection's parts say together.
#pragma once

#include "chuantou/nat_detector.hpp"
#include "nat/detection.hpp"
#include "net/port_mapper.hpp"

namespace chuantou::engine {

struct NatEvidence {
  struct Server {
    std::string text;
    std::vector<UdpAddress> addresses;
  };
  std::optional<nat::Findings> v4;
  std::optional<nat::Findings> v6;
  std::vector<Server> servers;
  std::vector<RelayReport> relays;
  std::optional<net::PortMapProbe> router;
};

/// Without time and duration.
NatReport reportOf(const NatEvidence& evidence);

}  // namespace chuantou::engine
