#include "daemon/join_line.hpp"

#include <unistd.h>

#include <optional>

#include "daemon/proxy_text.hpp"
#include "net/local_address.hpp"

namespace chuantou::daemon {

namespace {

std::optional<std::string> primaryAddress() {
  for (const bool v6 : {false, true}) {
    if (const auto own = net::mainAddress(v6)) return own->str();
  }
  return std::nullopt;
}

}  // namespace

std::string joinCommand(const JoinAddress& address, std::string_view token, std::string_view fingerprint) {
  std::string line = "ctc run --server wss://" + hostPort(address.host, address.port);
  if (!token.empty()) line += " --token " + std::string{token};
  if (!fingerprint.empty()) line += " --fingerprint " + std::string{fingerprint};
  return line;
}

std::string reachableHost(const std::string& host) {
  if (host != "0.0.0.0" && host != "::" && !host.empty()) return host;
  if (auto address = primaryAddress()) return *address;
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0') return name;
  return "localhost";
}

}  // namespace chuantou::daemon
