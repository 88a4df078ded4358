// A local port that leads to a port of another client.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace chuantou {

namespace detail {
class ProxyImpl;
}

/// Which transports a proxy's local port serves.
enum class Protocol { both, tcp, udp };

/// Between the two clients. The server sees ciphertext, or what the two programs say.
enum class Encryption {
  end_to_end,  ///< TLS 1.3 with both clients' keys; UDP sealed with keys of such a session
  none,        ///< for traffic that is encrypted already (ssh, https); the target must agree
};

/// An aggregate in this order, so that `createProxy({8000, "B", 3000})` reads as in the design.
struct ProxyOptions {
  std::uint16_t localPort = 0;     ///< 1-65535, or 0: the system chooses
  std::string targetClientId = {};  ///< the client that offers the service
  std::uint16_t targetPort = 0;    ///< 1-65535, the service's port there
  std::string targetHost = {};     ///< a host as the target sees it; empty: the target's own loopback
  Protocol protocol = Protocol::both;
  std::string localHost = {};  ///< the address to listen on; empty: 127.0.0.1 and ::1
  std::string name = {};       ///< for listing and deleting; empty: none
  std::chrono::milliseconds udpIdleTimeout{60'000};  ///< a UDP flow is forgotten after this silence, 1 s to 24 h
  Encryption encryption = Encryption::end_to_end;
  /// How long a forwarded connection waits for another way when it has lost its own; 0: not at all. The two programs see a
  /// pause, then it goes on. After it both are reset. Empty: ClientConfig::patience. Not without encryption.
  std::optional<std::chrono::milliseconds> patience = {};
};

struct ProxyStats {
  std::uint64_t connections = 0;        ///< TCP connections accepted so far
  std::uint64_t activeConnections = 0;  ///< TCP connections open now
  std::uint64_t failedConnections = 0;  ///< TCP connections that never reached the service
  std::uint64_t activeFlows = 0;        ///< UDP flows now
  std::uint64_t datagramsIn = 0;        ///< datagrams from local programs
  std::uint64_t datagramsOut = 0;       ///< datagrams back to local programs
  std::uint64_t datagramsDropped = 0;   ///< dropped because a queue was full or the service could not be reached
  std::uint64_t bytesUp = 0;            ///< TCP payload bytes to the service, counted when a connection ends
  std::uint64_t bytesDown = 0;          ///< TCP payload bytes from the service, counted when a connection ends
};

/// A handle to a proxy. Copies share it; the proxy lives until close() or until its client stops, not until the handle goes.
/// Threads: safe from any thread.
class Proxy {
 public:
  Proxy() = default;
  explicit Proxy(std::shared_ptr<detail::ProxyImpl> impl) : impl_(std::move(impl)) {}

  /// Stops listening and resets the proxy's connections. Returns when the port is free. Idempotent, never throws.
  void close() noexcept;
  std::uint16_t localPort() const noexcept;  ///< the real port, also where 0 was asked for
  ProxyOptions options() const;              ///< with the real localPort
  ProxyStats stats() const;
  bool isOpen() const noexcept;

 private:
  std::shared_ptr<detail::ProxyImpl> impl_;
};

}  // namespace chuantou
