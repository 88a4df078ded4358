// The host of a target, as rules name it and peers ask for it: what its text means, without asking anybody.
#pragma once

#include <string>
#include <string_view>

#include "base/ip_address.hpp"
#include "base/result.hpp"

namespace chuantou {

struct TargetHost {
  enum class Kind { loopback, address, name };
  Kind kind = Kind::loopback;
  IpAddress address;  ///< of a loopback the one whose family was meant: ::1, else 127.0.0.1
  std::string name;   ///< in lower case, without the dot at its end
};

/// Empty, "localhost" in any case, 127.0.0.1 and ::1 are loopback. What is neither an address as IpAddress reads it nor
/// a name of letters, digits, '-' and '_' is refused, and so is a name that ends in a number: resolvers take it for an
/// address ("127.1", "0x7f000001", "0177.0.0.1", "127.0.0.1.").
/// Errors: invalid_argument.
Result<TargetHost> parseTargetHost(std::string_view text);

/// "localhost", or any address of 127.0.0.0/8 or ::1: only this machine reaches it.
bool isThisMachine(std::string_view host);

/// What a peer may mean by this machine: narrower, and the empty host too.
inline bool isLoopbackName(std::string_view host) {
  const auto parsed = parseTargetHost(host);
  return parsed && parsed.value().kind == TargetHost::Kind::loopback;
}

}  // namespace chuantou
