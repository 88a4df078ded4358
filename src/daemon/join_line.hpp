// The line that joins a client: what cts prints, and the commands about tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chuantou::daemon {

/// Where clients reach the server.
struct JoinAddress {
  std::string host;
  std::uint16_t port = 0;
};

/// "ctc run --server ws://HOST:PORT --token TOKEN"; without the end where no token is wanted.
std::string joinCommand(const JoinAddress& address, std::string_view token);

/// `host` for others to use: a server that listens on all addresses has this machine's primary one, or else its name.
std::string reachableHost(const std::string& host);
/// An address of this machine that only it can reach, or "localhost".
bool isLoopbackHost(const std::string& host);

}  // namespace chuantou::daemon
