// The rules of --allow: what is asked, and the rules as they are given, one a line.
#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "base/port_rules.hpp"
#include "fuzz_input.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

namespace {

const char* const kForbidden[] = {"0.0.0.0",     "::",          "::ffff:10.0.0.1", "::10.0.0.1", "169.254.169.254", "fe80::1",
                                  "224.0.0.1",   "ff02::1",     "255.255.255.255", "fd00:ec2::254", "100.100.100.200",
                                  "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::5efe:7f00:1"};

/// What holds of every address that can be read.
void checkAddress(const std::string& text) {
  const auto address = IpAddress::parse(text);
  const auto host = parseTargetHost(text);
  if (!address) return;
  expect(host.ok() && host.value().kind != TargetHost::Kind::name, "an address that is taken for a name");
  expect(IpAddress::parse(address->str()) == address, "an address that is written as another one");
  expect(IpBlock::single(*address).contains(*address), "an address outside of its own block");
  expect(address->isV6() || address->str() == text, "an IPv4 address with two spellings");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  const auto port = static_cast<std::uint16_t>(input.word());
  const char* const hosts[] = {"",          "localhost",       "127.0.0.1",   "::1",     "db",        "10.0.0.1", "*", "none",
                               "127.0.0.2", "169.254.169.254", "2001:db8::1", "fd00::2", "DB.",       "0",        "::"};
  const std::size_t which = input.below(std::size(hosts) + 1);
  const std::size_t who = input.byte();
  const ClientId peer = *ClientId::parse(who % 2 != 0 ? "A" : "B");
  const bool sameGroup = (who & 2) == 0;

  std::vector<std::string> rules(1);
  for (const char c : input.restAsText()) {
    if (c == '\n') {
      rules.emplace_back();
    } else {
      rules.back() += c;
    }
  }
  std::string host;
  if (which < std::size(hosts)) {
    host = hosts[which];
  } else {  // the first line
    host = rules.front();
    rules.erase(rules.begin());
  }
  checkAddress(host);

  const auto parsed = PortRules::parse(rules);
  if (rules.empty()) rules = {"*"};
  std::string joined;
  for (const std::string& rule : rules) joined += (joined.empty() && &rule == &rules.front() ? "" : ",") + rule;
  const auto list = PortRules::parse({joined});
  expect(parsed.ok() == list.ok(), "rules one by one and in a list are not the same");
  if (!parsed) {
    expect(parsed.error().errc() == Errc::invalid_argument, "another error than invalid_argument");
    expect(parsed.error().subject().rfind("--allow ", 0) == 0, "an error that does not name the rule");
    return 0;
  }
  const Decision decision = parsed.value().decide(peer, sameGroup, host, port);
  const bool allowed = decision.allowed();
  expect(allowed == list.value().decide(peer, sameGroup, host, port).allowed(), "one by one and in a list they allow different things");
  expect(!parsed.value().decide(peer, sameGroup, host, 0).allowed(), "port 0 is allowed");
  expect(!allowed || sameGroup || joined.find('@') != std::string::npos, "a stranger without a rule of his own");
  expect(!allowed || parsed.value().decide(peer, true, host, port).allowed(), "the group has less than a stranger");

  for (const char* forbidden : kForbidden) {
    expect(!mayDial(decision, *IpAddress::parse(forbidden)), "a forbidden address may be dialled");
  }
  for (const IpAddress& address : decision.addresses) {
    expect(allowed && !isForbidden(kindOf(address)), "an allowed address is forbidden");
    expect(mayDial(decision, address), "an allowed address may not be dialled");
  }
  std::string lower = joined;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  switch (decision.kind) {
    case Decision::Kind::refused: break;
    case Decision::Kind::loopback: expect(isLoopbackName(host) && decision.addresses.size() == 2, "a loopback that is none"); break;
    case Decision::Kind::address: expect(decision.addresses.size() == 1 && decision.name.empty(), "more than one address"); break;
    case Decision::Kind::name:
      expect(decision.addresses.empty() && !IpAddress::parse(decision.name), "a name that is an address");
      // Another host than loopback is allowed only where a rule spells it.
      expect(lower.find(decision.name) != std::string::npos, "a host that nobody named");
      expect(mayDial(decision, *IpAddress::parse("192.0.2.1")), "a name that leads nowhere");
      break;
  }
  return 0;
}
