// The ways to the server and to other clients, and which of them work from here.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace chuantou {

struct ClientConfig;

/// A step of a way: what was tried, and what came of it. Kinds: "tcp" (a connection to the port), "http-proxy" and "socks5" (a
/// tunnel through that proxy), "tls" (a handshake on top of either), "websocket" (the server answers as a control channel),
/// "udp" (a datagram is answered).
///
/// Of ways to a peer: "relay tcp", "relay tls", "relay proxy" (a data channel through the server, as StreamInfo::carrier names
/// it), "relay udp" (a UDP flow through the server). Each from asking the server for it until the peer has proved itself there;
/// a ping over UDP counts once, when the first of its datagrams has come back.
struct TransportInfo {
  std::string kind;
  std::string where;                     ///< "relay.example.org:443", "http://proxy:3128"; of "websocket" and "relay tcp" the URL, with its proxy
  bool ok = false;                       ///< at the last try
  std::uint64_t successes = 0;
  std::uint64_t failures = 0;
  std::chrono::microseconds latency{0};  ///< of the last success, without the steps before it; 0: there was none
  std::string lastError;                 ///< of the last failure; empty: there was none
};

/// What was tried to reach a peer: whenever a connection, a UDP flow or a ping needed a new way there.
struct PeerWays {
  std::string peer;
  std::vector<TransportInfo> ways;
};

/// Tries every way that a client with this configuration would try, all at the same time and each to its end, and UDP; registers
/// nowhere. Blocks for `deadline` at most. With serverUrl's scheme ws:// the certificate is not looked at.
/// Throws Error(invalid_argument): a bad URL, fingerprint or proxy.
std::vector<TransportInfo> probeTransports(const ClientConfig& config, std::chrono::milliseconds deadline = std::chrono::milliseconds{5'000});

}  // namespace chuantou
