// Which addresses this machine has.
#pragma once

#include <optional>

#include "base/ip_address.hpp"

namespace chuantou::net {

/// The address from which the system would send to the rest of the world. Nothing is sent.
std::optional<IpAddress> mainAddress(bool v6);
/// That address or, where it is `other`, another one of this machine: of the same family, and loopback if `other` is.
std::optional<IpAddress> mainAddressBeside(const IpAddress& other);

}  // namespace chuantou::net
