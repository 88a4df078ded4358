#include "base/port_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/endpoint_text.hpp"

namespace chuantou {

namespace {

const IpAddress kLoopback4{IpAddress::V4{127, 0, 0, 1}};
const IpAddress kLoopback6{IpAddress::V6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

/// What a rule's host stands for. 127.0.0.1 and ::1 are one place: a rule for either is one for both.
struct RuleHost {
  std::string name;
  std::vector<IpBlock> blocks;
};

Error bad(std::string why) { return Error{Errc::invalid_argument, {}, std::move(why)}; }

Result<RuleHost> blockOf(const IpBlock& block, std::string_view text) {
  const AddressKind kind = kindOf(block);
  if (isForbidden(kind)) return bad(fmt::format("{} is {}, which is never offered", text, describe(kind)));
  RuleHost out{{}, {block}};
  if (kind == AddressKind::loopback && block.contains(kLoopback4)) out.blocks.push_back(IpBlock::single(kLoopback6));
  if (kind == AddressKind::loopback && block.contains(kLoopback6)) out.blocks.push_back(IpBlock::single(kLoopback4));
  return out;
}

/// `text` without brackets; `prefix` the text after the slash.
Result<RuleHost> parseBlock(std::string_view text, std::string_view prefix) {
  const auto base = IpAddress::parse(text);
  const auto length = parsePort(prefix, true);
  if (!base || !length || *length > base->bits() || (prefix.size() > 1 && prefix.front() == '0')) {
    return bad("a block is an address, a slash and the number of its fixed bits: 192.168.1.0/24, [fd00::]/8");
  }
  const auto block = IpBlock::of(*base, *length);
  if (!block) return bad(fmt::format("{} has more bits set than its first {}", text, prefix));
  return blockOf(*block, fmt::format("{}/{}", text, prefix));
}

Result<RuleHost> parseRuleHost(std::string_view text) {
  if (text.empty()) return bad("the host is empty");
  std::string_view inner = text;
  std::string_view prefix;
  bool isBlock = false;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    isBlock = true;
    prefix = text.substr(slash + 1);
    inner = text.substr(0, slash);
  }
  const bool brackets = inner.size() > 2 && inner.front() == '[' && inner.back() == ']';
  if (brackets) inner = inner.substr(1, inner.size() - 2);
  const bool colons = inner.find(':') != std::string_view::npos;
  if (colons != brackets) return bad("an IPv6 address, and nothing else, stands in brackets: [2001:db8::5]:80");
  if (isBlock) return parseBlock(inner, prefix);
  auto host = parseTargetHost(inner);
  if (!host) return bad(host.error().detail());
  if (host->kind == TargetHost::Kind::name) return RuleHost{std::move(host->name), {}};
  return blockOf(IpBlock::single(host->address), inner);
}

/// A block of all addresses does not speak of this machine's loopback; one that is loopback does.
bool covers(const std::vector<IpBlock>& blocks, const IpAddress& address) {
  const bool loopback = kindOf(address) == AddressKind::loopback;
  return std::any_of(blocks.begin(), blocks.end(), [&](const IpBlock& block) {
    return block.contains(address) && (!loopback || kindOf(block) == AddressKind::loopback);
  });
}

}  // namespace

bool mayDial(const Decision& decision, const IpAddress& address) {
  const AddressKind kind = kindOf(address);
  if (isForbidden(kind)) return false;
  switch (decision.kind) {
    case Decision::Kind::refused:
      return false;
    case Decision::Kind::loopback:
    case Decision::Kind::address:
      return std::find(decision.addresses.begin(), decision.addresses.end(), address) != decision.addresses.end();
    case Decision::Kind::name:
      return kind != AddressKind::loopback || covers(decision.loopbacks, address);
  }
  return false;
}

Result<PortRules::Rule> PortRules::parseOne(std::string_view text) {
  const auto wrong = [&](std::string why) {
    return Error{Errc::invalid_argument, "--allow " + std::string{text}, std::move(why)};
  };
  Rule rule;
  std::string_view rest = text;
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const auto peer = ClientId::parse(rest.substr(at + 1));
    if (!peer) return wrong("after @ comes a client id");
    rule.peer = *peer;
    rest = rest.substr(0, at);
  }
  rule.blocks = {IpBlock::single(kLoopback4), IpBlock::single(kLoopback6)};
  if (const std::size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
    auto host = parseRuleHost(rest.substr(0, colon));
    if (!host) return wrong(host.error().detail());
    rule.name = std::move(host->name);
    rule.blocks = std::move(host->blocks);
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
  if (!first || !last || *first > *last) return wrong("expected a port, a range such as 3000-3010, or *");
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
  if (none && !out.rules_.empty())
    return Error{Errc::invalid_argument, "--allow none", "stands alone, without other rules"};
  if (!none && out.rules_.empty()) {
    auto all = parseOne("*");
    if (!all) return all.error();
    out.rules_.push_back(std::move(*all));
  }
  return out;
}

Decision PortRules::decide(const ClientId& peer, bool sameGroup, std::string_view host, std::uint16_t port) const {
  const auto parsed = parseTargetHost(host);
  if (!parsed) return {};
  const TargetHost& wanted = parsed.value();
  const bool isName = wanted.kind == TargetHost::Kind::name;
  if (!isName && isForbidden(kindOf(wanted.address))) return {};

  Decision out;
  bool offered = false;
  for (const Rule& rule : rules_) {
    if (port < rule.first || port > rule.last || !(rule.peer.empty() ? sameGroup : rule.peer == peer)) continue;
    offered = offered || (isName ? rule.name == wanted.name : covers(rule.blocks, wanted.address));
    if (!isName) continue;
    for (const IpBlock& block : rule.blocks) {
      if (kindOf(block) == AddressKind::loopback) out.loopbacks.push_back(block);
    }
  }
  if (!offered) return {};
  switch (wanted.kind) {
    case TargetHost::Kind::loopback:
      out.kind = Decision::Kind::loopback;
      out.addresses = {kLoopback4, kLoopback6};
      if (wanted.address.isV6()) std::swap(out.addresses[0], out.addresses[1]);
      break;
    case TargetHost::Kind::address:
      out.kind = Decision::Kind::address;
      out.addresses = {wanted.address};
      break;
    case TargetHost::Kind::name:
      out.kind = Decision::Kind::name;
      out.name = wanted.name;
      break;
  }
  return out;
}

}  // namespace chuantou
