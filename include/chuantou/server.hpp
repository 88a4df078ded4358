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
  std::size_t maxConnections = 200'000;      ///< accepted connections at a time; more are closed at once
  std::size_t maxPending = 8'192;            ///< accepted connections that have not yet said what they are
  std::size_t maxClients = 100'000;
  std::size_t maxSessionsPerClient = 50'000;
  /// PEM files of the certificate (with its chain) and its key that clients with wss:// and browsers see; both or
  /// neither. Looked at every 2 s: a new pair is used from then on. Without them the server makes a self-signed
  /// certificate that lives as long as start() to stop().
  std::string tlsCertificateFile = {};
  std::string tlsKeyFile = {};
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

struct ServerStats {
  std::chrono::milliseconds uptime{0};
  std::uint64_t clients = 0;
  std::uint64_t sessions = 0;
  std::uint64_t connections = 0;       ///< open now, of every kind
  std::uint64_t pendingConnections = 0;  ///< of these, those that have not yet said what they are
  std::uint64_t acceptedTotal = 0;
  std::uint64_t rejectedTotal = 0;     ///< closed for garbage, deadline or a limit
  std::uint64_t registrationsTotal = 0;
  std::uint64_t authFailures = 0;
  std::uint64_t sessionsTotal = 0;
  std::uint64_t relayedBytes = 0;      ///< TCP payload, both directions
  std::uint64_t relayedDatagrams = 0;
  std::uint64_t relayedDatagramBytes = 0;
  std::uint64_t droppedDatagrams = 0;  ///< unknown session, unproved address or a full queue
};

struct ServerCertificate {
  std::string fingerprint;  ///< "sha256:" and 64 hexadecimal digits: ClientConfig::serverFingerprint
  std::chrono::system_clock::time_point expires{};
};

/// Lifetime: the destructor stops. Threads: every member is safe from any thread.
class Server {
 public:
  explicit Server(ServerConfig config);  ///< Throws Error(invalid_argument).
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens; returns once it accepts. Throws Error: port_in_use, permission_denied, address_unavailable,
  /// invalid_argument (no token, and an address other than loopback without allowAnonymous), bad_config (a certificate
  /// or key file).
  void start();
  /// Closes everything, joins the threads. Idempotent.
  void stop() noexcept;

  std::uint16_t port() const noexcept;  ///< the real port; 0 before start()
  std::string host() const;             ///< the first address it listens on
  std::vector<ServerClientInfo> clients() const;
  std::vector<ServerSessionInfo> sessions(std::size_t limit = 1000) const;
  ServerStats stats() const;
  /// The one that TLS connections see now; empty where the server does not run. Makes it, where there are no files.
  ServerCertificate certificate() const;
  std::string fingerprint() const { return certificate().fingerprint; }
  /// Closes a client's control connection and its sessions. False: no such client.
  bool kick(const std::string& clientId);

 private:
  friend struct detail::ServerAccess;
  std::shared_ptr<detail::ServerImpl> impl_;
};

}  // namespace chuantou
