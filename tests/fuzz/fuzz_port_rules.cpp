// The rules of --allow: what is asked, and the rules as they are given, one a line.
#include <string>
#include <vector>

#include "base/port_rules.hpp"
#include "fuzz_input.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  const auto port = static_cast<std::uint16_t>(input.word());
  const char* const hosts[] = {"", "localhost", "127.0.0.1", "::1", "db", "10.0.0.1", "*", "none"};
  const std::string host = hosts[input.below(std::size(hosts))];
  const ClientId peer = *ClientId::parse(input.byte() % 2 != 0 ? "A" : "B");

  std::vector<std::string> rules(1);
  for (const char c : input.restAsText()) {
    if (c == '\n') {
      rules.emplace_back();
    } else {
      rules.back() += c;
    }
  }
  const auto parsed = PortRules::parse(rules);
  std::string joined;
  for (const std::string& rule : rules) joined += (joined.empty() && &rule == &rules.front() ? "" : ",") + rule;
  const auto list = PortRules::parse({joined});
  expect(parsed.ok() == list.ok(), "rules one by one and in a list are not the same");
  if (!parsed) {
    expect(parsed.error().errc() == Errc::invalid_argument, "another error than invalid_argument");
    expect(parsed.error().subject().rfind("--allow ", 0) == 0, "an error that does not name the rule");
    return 0;
  }
  const bool allowed = parsed.value().allows(peer, host, port);
  expect(allowed == list.value().allows(peer, host, port), "one by one and in a list they allow different things");
  expect(!parsed.value().allows(peer, host, 0), "port 0 is allowed");
  // Another host than loopback is allowed only where a rule spells it.
  if (allowed && !isLoopbackName(host)) expect(joined.find(host) != std::string::npos, "a host that nobody named");
  return 0;
}
