// What a target offers: the rules of --allow.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace chuantou {

/// Rules `[HOST:]PORTS[@PEER]`, separated by commas or given one by one. PORTS is a number, a range "3000-3010" or "*".
/// Without HOST a rule speaks of this machine's loopback. "none" alone offers nothing. No rules at all: all of loopback.
class PortRules {
 public:
  /// Errors: invalid_argument naming the rule.
  static Result<PortRules> parse(const std::vector<std::string>& rules);

  /// `host` empty or a loopback spelling ("localhost", "127.0.0.1", "::1") means loopback; any other host must be named
  /// by a rule in the same spelling.
  bool allows(const ClientId& peer, std::string_view host, std::uint16_t port) const;

 private:
  struct Rule {
    std::string host;  ///< empty: loopback
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    ClientId peer;  ///< empty: any
  };
  static Result<Rule> parseOne(std::string_view text);

  std::vector<Rule> rules_;
};

bool isLoopbackName(std::string_view host);

}  // namespace chuantou
