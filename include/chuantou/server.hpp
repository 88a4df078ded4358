// The server: introduces clients to each other and relays between them, all on one port.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chuantou/error.hpp"
#include "chuantou/log.hpp"

namespace chuantou {

namespace detail {
class ServerImpl;
struct ServerAccess;  // the programs' way to the port's HTTP side
}

struct ServerConfig {
  std::string host = {};       ///< an address to listen on; empty: all of IPv4 and IPv6, or loopback only without a token
  std::uint16_t port = 8200;   ///< TCP and UDP; 0: the system chooses
  std::string token = {};      ///< what clients must prove; empty: anyone who reaches the port may register
  bool allowAnonymous = false;  ///< permits a server without a token on other addresses than loopback
  unsigned threads = 0;         ///< relaying threads; 0: one for every two processors, at least one
  std::chrono::milliseconds handshakeTimeout{10'000};   ///< for the first bytes, and for each step to a registration
  std::chrono::milliseconds pairingTimeout{15'000};     ///< a session whose two data channels have not both come is dropped
  std::chrono::milliseconds heartbeatInterval{20'000};  ///< told to clients
  std::chrono::milliseconds heartbeatTimeout{60'000};   ///< a client that is silent for this long is dead
  // Limits. An "address" is an IPv4 address or an IPv6 /64. A connection is pending until it has registered or brought the
  // key of a session; when there are many of these, random ones are dropped, never a client or a session.
  std::size_t maxConnections = 200'000;      ///< accepted connections at a time; more are closed at once
  std::size_t maxPending = 8'192;            ///< pending connections; dropping begins at half of this
  std::size_t maxPendingPerAddress = 1'024;  ///< likewise, of one address where no client is registered
  std::size_t maxClients = 100'000;          ///< registered at a time
  std::size_t maxClientsPerAddress = 16'384;
  std::size_t maxRegistrationsPerMinute = 20'000;  ///< attempts of one address
  std::size_t maxAuthFailuresPerMinute = 60;  ///< of one address; beyond it, it may not register until some are forgotten
  std::size_t maxSessionsPerClient = 50'000;  ///< as initiator or target
  std::size_t maxMessageBytes = 65'536;       ///< a control message; 4,096 to 65,536
  std::size_t maxQueuedBytes = 8'388'608;     ///< for a control connection whose client does not read; more cuts it off
  LogLevel logLevel = LogLevel::info;
  LogSink log = {};
  Language language = Language::english;
};

struct ServerClientInfo {
  std::string id;
  std::string address;  ///< where it connected from
  std::chrono::milliseconds connectedFor{0};
  std::uint64_t sessions = 0;
};

struct ServerSessionInfo {
  std::string id;
  std::string fromClientId;
  std::string toClientId;
  std::uint16_t port = 0;
  std::string protocol;  ///< "tcp" or "udp"
  std::string state;     ///< "pairing" or "connected"
  std::chrono::milliseconds age{0};
};

struct ServerLimit {
  std::string name;            ///< as a flag of cts, "max-pending"
  std::uint64_t limit = 0;
  std::uint64_t now = 0;       ///< for limits of one address, client or connection: the highest of them
  std::uint64_t refused = 0;   ///< how often it was enforced: refused, dropped or closed
};

struct ServerStats {
  std::chrono::milliseconds uptime{0};
  std::uint64_t clients = 0;
  std::uint64_t sessions = 0;
  std::uint64_t connections = 0;       ///< open now, of every kind
  std::uint64_t pendingConnections = 0;  ///< of these, those that have not proved that they belong here
  std::uint64_t acceptedTotal = 0;
  std::uint64_t rejectedTotal = 0;     ///< closed for garbage, deadline or a limit
  std::uint64_t droppedEarly = 0;      ///< pending connections dropped as there were too many of all
  std::uint64_t droppedPerAddress = 0;     ///< or of their address
  std::uint64_t refusedRegistrations = 0;  ///< for a limit of their address: clients, attempts, failures
  std::uint64_t registrationsTotal = 0;
  std::uint64_t authFailures = 0;
  std::uint64_t sessionsTotal = 0;
  std::uint64_t relayedBytes = 0;      ///< TCP payload, both directions
  std::uint64_t relayedDatagrams = 0;
  std::uint64_t relayedDatagramBytes = 0;
  std::uint64_t droppedDatagrams = 0;  ///< unknown session, unproved address or a full queue
  std::vector<ServerLimit> limits;
};

/// Lifetime: the destructor stops. Threads: every member is safe from any thread.
class Server {
 public:
  explicit Server(ServerConfig config);  ///< Throws Error(invalid_argument).
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens; returns once it accepts. Throws Error: port_in_use, permission_denied, address_unavailable,
  /// invalid_argument (no token, and an address other than loopback without allowAnonymous).
  void start();
  /// Closes everything, joins the threads. Idempotent.
  void stop() noexcept;

  std::uint16_t port() const noexcept;  ///< the real port; 0 before start()
  std::string host() const;             ///< the first address it listens on
  std::vector<ServerClientInfo> clients() const;
  std::vector<ServerSessionInfo> sessions(std::size_t limit = 1000) const;
  ServerStats stats() const;
  /// Closes a client's control connection and its sessions. False: no such client.
  bool kick(const std::string& clientId);

 private:
  friend struct detail::ServerAccess;
  std::shared_ptr<detail::ServerImpl> impl_;
};

}  // namespace chuantou
