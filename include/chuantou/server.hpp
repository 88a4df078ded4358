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
  /// TCP ports that are the same as `port`, for clients whose firewall lets nothing but 443 out, say. 0: the system chooses.
  std::vector<std::uint16_t> extraPorts = {};
  /// What clients must prove: the token named "main", which only the configuration changes. Empty: anyone who reaches the port
  /// may register, unless the server has other tokens (makeToken, addToken()).
  std::string token = {};
  bool allowAnonymous = false;  ///< a server without a token on any address; it asks for none, unless `token` or makeToken is set
  bool makeToken = false;       ///< without `token`: makes one at the first start, stores it, and wants it from then on
  bool allowKeyless = false;    ///< clients without a key may register too: for tests, and networks where all are trusted
  /// A folder for what outlives the server: which key owns which name, and the tokens. It is made where it is missing, and is
  /// of one server at a time. Empty: all that is forgotten with stop().
  std::string stateDir = {};
  std::size_t maxNames = 100'000;  ///< names that keys own; more are refused
  unsigned threads = 0;         ///< relaying threads; 0: one for every two processors, at least one
  std::chrono::milliseconds handshakeTimeout{10'000};   ///< for the first bytes, and for each step to a registration
  std::chrono::milliseconds pairingTimeout{15'000};     ///< a session whose two data channels have not both come is dropped
  std::chrono::milliseconds heartbeatInterval{4'000};   ///< told to clients
  std::chrono::milliseconds heartbeatTimeout{9'000};    ///< a client that is silent for this long is taken for dead
  std::chrono::milliseconds returnTimeout{60'000};      ///< if it comes back within this time, its TCP connections go on
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
  /// PEM files of the certificate (with its chain) and its key that clients with wss:// and browsers see; both or
  /// neither. Looked at every 2 s: a new pair is used from then on. Without them the server makes a self-signed
  /// certificate that lives as long as start() to stop().
  std::string tlsCertificateFile = {};
  std::string tlsKeyFile = {};
  /// The UDP port answers STUN's Binding requests (RFC 8489). "IP" or "IP:PORT": a second address of this machine, on which and on
  /// whose port it answers them too, so that clients find out what their NAT does (RFC 5780). It needs that port on both
  /// addresses, and the server's port on the second one. The port is the next one by default; with `port` 0 the system chooses.
  std::string stunAltAddress = {};
  std::size_t maxStunPerMinute = 6'000;  ///< answers to one address; as many at once after a minute's rest
  LogLevel logLevel = LogLevel::info;
  LogSink log = {};
  Language language = Language::english;
};

struct ServerClientInfo {
  std::string id;
  std::string address;  ///< where it connected from
  std::chrono::milliseconds connectedFor{0};
  std::uint64_t sessions = 0;
  std::string key = {};        ///< "ed25519:…"; empty: a client without one
  bool temporaryKey = false;   ///< made for its run: it does not own its name
  std::string token = {};      ///< the name of the token that it joined with; empty: none was wanted
};

/// What a new token allows.
struct TokenOptions {
  std::string name;              ///< 1 to 64 of A-Z a-z 0-9 . _ -, and not "main"
  std::string group = "main";    ///< clients of tokens of one group trust each other more (ctc's --allow)
  std::chrono::milliseconds expiresIn{0};  ///< 0: never
  unsigned uses = 0;             ///< how many clients (keys) may join with it, at most 1,000; they may come back. 0: any number
  bool allowExpose = false;      ///< its clients may ask for public ports
};

struct TokenInfo {
  std::string name;
  std::string group;
  std::string state;             ///< "active", "used-up", "expired" or "revoked"
  std::int64_t createdMs = 0;    ///< since 1970, as the next
  std::int64_t expiresAtMs = 0;  ///< 0: never
  bool limited = false;          ///< it has a number of uses
  unsigned usesLeft = 0;
  bool allowExpose = false;
  bool configured = false;       ///< given by ServerConfig::token
  std::uint64_t clients = 0;     ///< that joined with it and are registered now
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
  std::uint64_t stunRequests = 0;
  std::uint64_t stunAnswers = 0;
  std::uint64_t stunRefused = 0;       ///< requests of addresses that sent too many
  std::vector<ServerLimit> limits;
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
  /// invalid_argument (no token, and an address other than loopback without allowAnonymous; a stunAltAddress that does not go with
  /// it), bad_config (a damaged file in
  /// stateDir, with its line; a certificate or key file), system_error (stateDir cannot be written).
  void start();
  /// Closes everything, joins the threads. Idempotent.
  void stop() noexcept;

  std::uint16_t port() const noexcept;  ///< the real port; 0 before start()
  std::vector<std::uint16_t> extraPorts() const;  ///< the real ones; empty before start()
  std::string host() const;             ///< the first address it listens on
  std::vector<ServerClientInfo> clients() const;
  std::vector<ServerSessionInfo> sessions(std::size_t limit = 1000) const;
  ServerStats stats() const;
  /// The one that TLS connections see now; empty where the server does not run. Makes it, where there are no files.
  ServerCertificate certificate() const;
  std::string fingerprint() const { return certificate().fingerprint; }
  /// Closes a client's control connection and its sessions. False: no such client.
  bool kick(const std::string& clientId);

  // Tokens. What changes them holds at once, and is stored before they return. Errors: stopped where the server does not run;
  // system_error where it holds and cannot be stored.

  /// In the order in which they were made. No secrets.
  std::vector<TokenInfo> tokens() const;
  /// Returns the new token's secret, 128 random bits. A token of that name that is over (revoked, expired) is replaced. Throws
  /// Error too: invalid_argument, already_exists, limit_reached (1,000 tokens).
  std::string addToken(const TokenOptions& options);
  /// The token lets nobody in any more; its clients are disconnected with auth_failed, their sessions end. It stays in the list.
  /// False: no such token, or it was revoked before. Throws Error too: invalid_argument (the token of the configuration).
  bool revokeToken(const std::string& name);
  /// Gives the token that the server made for itself ("main") a new secret, and returns that. The old one lets nobody in any more;
  /// who is registered stays, unless `disconnect`. Throws Error too: invalid_argument (the token of the configuration), not_found (the
  /// server has made none).
  std::string rotateToken(bool disconnect = false);
  /// The secret of the token that the server made for itself; empty where it has made none, or revoked it.
  std::string madeToken() const;

  /// Frees a name for the next key that registers it. Who is registered under it keeps it until it leaves. False: no key owned it.
  bool releaseName(const std::string& clientId);

 private:
  friend struct detail::ServerAccess;
  std::shared_ptr<detail::ServerImpl> impl_;
};

}  // namespace chuantou
