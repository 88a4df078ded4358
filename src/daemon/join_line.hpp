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

/// "ctc run --server wss://HOST:PORT --token TOKEN --fingerprint sha256:…"; without a token where none is wanted, and
/// without a fingerprint where an authority vouches for the certificate.
std::string joinCommand(const JoinAddress& address, std::string_view token, std::string_view fingerprint);

/// `host` for others to use: a server that listens on all addresses has this machine's primary one, or else its name.
std::string reachableHost(const std::string& host);

}  // namespace chuantou::daemon
