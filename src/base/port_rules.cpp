#include "base/port_rules.hpp"

#include "base/endpoint_text.hpp"

namespace chuantou {

bool isLoopbackName(std::string_view host) {
  return host.empty() || host == "localhost" || host == "127.0.0.1" || host == "::1";
}

Result<PortRules::Rule> PortRules::parseOne(std::string_view text) {
  const auto bad = [&](const char* why) { return Error{Errc::invalid_argument, "--allow " + std::string{text}, why}; };
  Rule rule;
  std::string_view rest = text;
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const auto peer = ClientId::parse(rest.substr(at + 1));
    if (!peer) return bad("after @ comes a client id");
    rule.peer = *peer;
    rest = rest.substr(0, at);
  }
  if (const std::size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = rest.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    if (host.empty()) return bad("the host is empty");
    rule.host = isLoopbackName(host) ? "" : std::string{host};
    rest = rest.substr(colon + 1);
  }
  if (rest == "*") {
    rule.first = 1;
    rule.last = 65535;
    return rule;
  }
  const std::size_t dash = rest.find('-');
  const auto first = parsePort(rest.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parsePort(rest.substr(dash + 1));
  if (!first || !last || *first > *last) return bad("expected a port, a range such as 3000-3010, or *");
  rule.first = *first;
  rule.last = *last;
  return rule;
}

Result<PortRules> PortRules::parse(const std::vector<std::string>& rules) {
  PortRules out;
  bool none = false;
  for (const std::string& list : rules) {
    std::string_view rest = list;
    for (;;) {
      const std::size_t comma = rest.find(',');
      const std::string_view one = rest.substr(0, comma);
      if (one == "none") {
        none = true;
      } else {
        auto rule = parseOne(one);
        if (!rule) return rule.error();
        out.rules_.push_back(std::move(*rule));
      }
      if (comma == std::string_view::npos) break;
      rest = rest.substr(comma + 1);
    }
  }
  if (none && !out.rules_.empty()) return Error{Errc::invalid_argument, "--allow none", "stands alone, without other rules"};
  if (!none && out.rules_.empty()) out.rules_.push_back(Rule{"", 1, 65535, {}});
  return out;
}

bool PortRules::allows(const ClientId& peer, std::string_view host, std::uint16_t port) const {
  const std::string_view wanted = isLoopbackName(host) ? std::string_view{} : host;
  for (const Rule& rule : rules_) {
    if (port >= rule.first && port <= rule.last && rule.host == wanted && (rule.peer.empty() || rule.peer == peer)) {
      return true;
    }
  }
  return false;
}

}  // namespace chuantou
