#include "chuantou/nat_detector.hpp"

namespace chuantou {

const char* toString(NatType type) noexcept {
  switch (type) {
    case NatType::unknown:
      break;
    case NatType::none:
      return "none";
    case NatType::full_cone:
      return "full-cone";
    case NatType::restricted:
      return "restricted";
    case NatType::port_restricted:
      return "port-restricted";
    case NatType::symmetric:
      return "symmetric";
    case NatType::udp_blocked:
      return "udp-blocked";
  }
  return "unknown";
}

const char* toString(NatBehavior behavior) noexcept {
  switch (behavior) {
    case NatBehavior::unknown:
      break;
    case NatBehavior::none:
      return "none";
    case NatBehavior::endpoint_independent:
      return "endpoint-independent";
    case NatBehavior::address_dependent:
      return "address-dependent";
    case NatBehavior::address_and_port_dependent:
      return "address-and-port-dependent";
  }
  return "unknown";
}

const char* toString(PortAllocation allocation) noexcept {
  switch (allocation) {
    case PortAllocation::unknown:
      break;
    case PortAllocation::preserving:
      return "preserving";
    case PortAllocation::sequential:
      return "sequential";
    case PortAllocation::random:
      return "random";
  }
  return "unknown";
}

}  // namespace chuantou
