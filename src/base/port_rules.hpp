// What a target offers: the rules of --allow.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/target_host.hpp"

namespace chuantou {

/// What the rules say of one request. It stands on its own: a name may be resolved long after it was made.
struct Decision {
  enum class Kind { refused, loopback, address, name };
  Kind kind = Kind::refused;
  /// What to dial: of loopback both families, the one that was asked for first.
  std::vector<IpAddress> addresses;
  std::string name;                ///< to resolve; each address that comes of it is for mayDial() to judge
  std::vector<IpBlock> loopbacks;  ///< of a name: what of this machine it may turn out to be

  bool allowed() const noexcept { return kind != Kind::refused; }
};

/// Whether a connection to this address is what was allowed. A name that leads to a forbidden address, or to a loopback
/// port that is not offered itself (DNS rebinding), leads nowhere.
bool mayDial(const Decision& decision, const IpAddress& address);

/// Rules `[HOST:]PORTS[@PEER]`, separated by commas or given one by one. PORTS is a number, a range "3000-3010" or "*".
/// HOST is a name, an address (IPv6 in brackets) or a block of them ("192.168.1.0/24", "[fd00::]/8"); without it a rule
/// speaks of this machine's loopback. A rule with PEER is for that peer alone, one without for the peers of this
/// client's group. "none" alone offers nothing. No rules at all: all of loopback, for the group.
class PortRules {
 public:
  /// Errors: invalid_argument naming the rule; so is a rule for an address that is never offered.
  static Result<PortRules> parse(const std::vector<std::string>& rules);

  /// `sameGroup`: the peer proved a token of the same group as this client. `host` as parseTargetHost() has it.
  Decision decide(const ClientId& peer, bool sameGroup, std::string_view host, std::uint16_t port) const;

 private:
  struct Rule {
    std::string name;             ///< or, if empty:
    std::vector<IpBlock> blocks;  ///< of loopback both families
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    ClientId peer;  ///< empty: any of the group
  };
  static Result<Rule> parseOne(std::string_view text);

  std::vector<Rule> rules_;
};

}  // namespace chuantou
