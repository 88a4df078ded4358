// The client: registers at a server, offers this machine's services to other clients and reaches theirs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chuantou/error.hpp"
#include "chuantou/log.hpp"
#include "chuantou/proxy.hpp"
#include "chuantou/stream.hpp"
#include "chuantou/transport.hpp"

namespace chuantou {

namespace detail {
class ClientImpl;
}

struct ClientConfig {
  std::string serverUrl = "ws://127.0.0.1:8200";  ///< ws://HOST[:PORT] or, with TLS, wss://; an IPv6 address in brackets
  std::string clientId = {};  ///< 1-64 of [A-Za-z0-9._-]; empty: a random one is made
  std::string token = {};     ///< proved to the server by HMAC, never sent
  /// What peers may reach here: rules `[HOST:]PORTS[@PEER]`, PORTS a list of numbers and ranges or `*`, HOST a name, an
  /// address or a block ("22", "3000-3010@A", "db.lan:5432", "192.168.1.0/24:80", "[fd00::]/8:80"). A rule with PEER is
  /// for that peer alone, one without for those who proved a token of the same group. Empty: every port of this machine's
  /// loopback, for the group. {"none"}: nothing but what listen() offers. Link-local, multicast and metadata addresses,
  /// 0.0.0.0, :: and IPv4 inside IPv6 are never offered: a rule that names one is an error.
  std::vector<std::string> allow = {};
  /// File with this client's key (Ed25519, PEM, mode 0600), made where it is missing. The first key that registers an id
  /// at a server owns it. Empty: a key for the life of this object, which owns nothing.
  std::string identityFile = {};
  /// File with the keys by which peers were known at the first meeting; another key of theirs is refused. Empty: they
  /// are remembered for the life of this object.
  std::string knownPeersFile = {};
  /// Of connect(), ping() and pingUdp(). `none` also lets peers reach this client without encryption, if they ask for it.
  Encryption encryption = Encryption::end_to_end;
  std::chrono::milliseconds connectTimeout{10'000};      ///< one attempt to reach the server, all its addresses together
  std::chrono::milliseconds heartbeatInterval{4'000};    ///< how often this side says that it is alive; the server may want it more often
  std::chrono::milliseconds heartbeatTimeout{9'000};     ///< silence after which the server is taken for dead
  std::chrono::milliseconds reconnectMin{250};           ///< back-off with full jitter: first ceiling
  std::chrono::milliseconds reconnectMax{30'000};        ///< and last ceiling
  /// How long streams wait for another way when they have lost their own (0 to 18 h), where ProxyOptions does not say it.
  /// For streams that peers have opened: theirs, at most this where it is longer than a minute.
  std::chrono::milliseconds patience{60'000};
  std::size_t maxSessions = 20'000;  ///< forwarded connections and UDP flows at a time, each direction
  std::uint16_t warmCarriers = 64;   ///< most idle paired data channels a TCP proxy keeps ready; 0: none
  /// With wss://: the key that the server must show ("sha256:…", Server::fingerprint()); nothing else of its certificate
  /// is looked at then. Empty: the system's certificate authorities decide.
  std::string serverFingerprint = {};
  /// With wss://: data channels to the server inside TLS too. They carry what the clients have encrypted between them, so
  /// that this hides no more than which sessions there are, and costs the server its splicing.
  bool dataTls = false;
  /// How to get out: "http://[USER:PASSWORD@]HOST:PORT" (CONNECT), "socks5://…", "none", or empty: what the environment says
  /// (https_proxy or, for ws://, http_proxy; all_proxy; no_proxy), and directly. UDP does not go through a proxy.
  std::string proxy = {};
  /// Where the server is tried as well, always with TLS and under the same name, when its own port does not answer at once: the
  /// port that the strictest firewalls let through (`cts run --extra-port 443`). 0: nowhere. With ws:// nothing is known of the
  /// server's key, and none is asked for there.
  std::uint16_t fallbackPort = 443;
  LogLevel logLevel = LogLevel::info;
  LogSink log = {};
  Language language = Language::english;  ///< of the sentences in log lines
};

enum class ClientState {
  stopped,
  connecting,    ///< trying to reach the server
  registered,    ///< known to the server; everything works
  reconnecting,  ///< lost the server, waiting to try again; proxies stay
  failed,        ///< refused for a reason that trying again cannot mend; see lastError
};

struct PeerInfo {
  std::string id;
  std::string key;  ///< "ed25519:…", as the server knows it; empty: none
  std::chrono::system_clock::time_point registeredAt;
};

/// A peer whose key is remembered.
struct KnownPeerInfo {
  std::string id;
  std::string key;
  std::chrono::system_clock::time_point since;
};

struct PingResult {
  std::chrono::microseconds rtt;  ///< this client - server - peer and back
};

struct UdpPingOptions {
  std::size_t count = 4;                      ///< datagrams, 1 to 100
  std::chrono::milliseconds interval{100};    ///< between two of them, 10 ms at least; all within 10 s
  std::chrono::milliseconds deadline{10'000};  ///< of the whole; what has come until then is the result
};

struct UdpPingResult {
  /// Of each datagram, in the order of sending; none: no answer within 1 s, it or its answer was lost.
  std::vector<std::optional<std::chrono::microseconds>> rtts;
};

/// A TCP connection that is forwarded, or a Stream. It is numbered and acknowledged, and goes on over another way when its
/// own is lost.
struct StreamInfo {
  std::string id;    ///< eight digits
  std::string peer;
  std::uint16_t port = 0;   ///< of the service
  bool outbound = false;    ///< opened here
  bool attached = false;    ///< it has a way now, perhaps one on which nobody has answered yet
  /// What kind of way: "relay tcp", "relay tls" or "relay proxy" (through the server; data channels as they are, inside TLS, or
  /// through a proxy). More kinds may come. Empty: it has none.
  std::string carrier;
  /// Since it has lost its way, until it goes on over another. None: nothing is lost; without a way it has not had one yet, or
  /// only waits for the other side's last word.
  std::optional<std::chrono::milliseconds> stalledFor;
  std::chrono::milliseconds age{0};  ///< since it was asked for, here; of those that peers open: since it came
  std::uint64_t resumes = 0;
  std::uint64_t migrations = 0;     ///< moved to another carrier while the old one lived: nothing waited, nothing was sent twice
  std::uint64_t repeatedBytes = 0;  ///< sent again, since they had not arrived
  std::chrono::milliseconds lostTime{0};  ///< from losing a way to going on, all times together, the present one too
  std::uint64_t bytesSent = 0;
  std::uint64_t bytesReceived = 0;
};

struct StreamEvent {
  enum class Kind {
    stalled,  ///< it has lost its way; the two programs see a pause
    resumed,
    gave_up,  ///< both programs are reset
    migrated, ///< it has moved to another carrier
  };
  Kind kind;
  StreamInfo stream;
  std::error_code reason;
};

struct ClientStats {
  ClientState state = ClientState::stopped;
  std::string serverUrl;
  std::string id;
  std::error_code lastError;       ///< of the last failed attempt; empty after a success
  std::string lastErrorMessage;
  std::uint64_t reconnects = 0;    ///< registrations after the first
  std::chrono::milliseconds connectedFor{0};  ///< since the present registration
  std::chrono::microseconds serverRtt{0};     ///< of the last heartbeat; 0: not measured yet
  std::string serverWay;           ///< how the server is reached now: "ws://host:8200", "wss://host:443 through http://proxy:3128"; empty: it is not
  std::vector<TransportInfo> transports;  ///< what was tried to reach it, and what came of it
  std::uint64_t outboundActive = 0;  ///< connections and flows opened here, now
  std::uint64_t inboundActive = 0;   ///< connections and flows served here, now
  std::uint64_t outboundTotal = 0;
  std::uint64_t inboundTotal = 0;
  std::uint64_t bytesUp = 0;    ///< payload bytes of finished connections, both roles, towards the server
  std::uint64_t bytesDown = 0;  ///< the same, from the server
  std::uint64_t streams = 0;        ///< now, both roles, with those that wait for a way
  std::uint64_t streamsStalled = 0; ///< of those: have lost their way, and do not go on yet
  std::uint64_t streamStalls = 0;   ///< how often a stream has lost its way
  std::uint64_t streamResumes = 0;
  std::uint64_t streamMigrations = 0;
  std::uint64_t streamsGivenUp = 0;
  std::uint64_t repeatedBytes = 0;  ///< sent again after a resumption
  std::chrono::milliseconds lostTime{0};  ///< from losing a way to going on, all streams together
};

/// Lifetime: the destructor stops. Threads: every member is safe from any thread; callbacks run on the client's own
/// thread and must not block: neither stop(), the destructor nor a blocking form may be called from one. After stop()
/// every call fails with Errc::stopped.
class Client {
 public:
  /// Called with each stream that a peer opens. Runs on the client's thread: keep the Stream and use its callback
  /// forms, or hand it to a thread of yours.
  using StreamHandler = std::function<void(Stream stream)>;

  explicit Client(ClientConfig config);  ///< Throws Error(invalid_argument): a bad id, URL, fingerprint or allow rule.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Connects and registers. Returns when registered; throws Error when the first attempt fails: server_unreachable,
  /// auth_required, auth_failed, certificate_rejected, version_mismatch, timed_out. The client is then stopped.
  void start();
  /// Begins to connect and returns at once; keeps trying for ever, reports through onStateChange.
  void startInBackground();
  /// Unregisters, closes everything, joins the thread. Idempotent; returns when all has ended.
  void stop() noexcept;

  /// "ed25519:…": what peers remember this client by.
  std::string publicKey() const;
  std::string id() const;  ///< as assigned by the server, or as configured before that
  ClientState state() const noexcept;
  ClientStats stats() const;

  /// Opens a local port. It may be called before the client is registered; connections then wait for the registration.
  /// Throws Error: port_in_use, permission_denied, address_unavailable, invalid_argument, stopped.
  Proxy createProxy(ProxyOptions options);
  std::vector<Proxy> proxies() const;

  /// Offers a service that lives in this program under `port`; peers of the same group reach it as they reach a real
  /// port, also where `allow` does not name it. Throws Error(already_exists).
  void listen(std::uint16_t port, StreamHandler handler);
  void unlisten(std::uint16_t port);

  /// Opens a stream to a peer's port and waits until the service there has accepted.
  /// Throws Error: unknown_peer, peer_offline, not_allowed, target_refused, target_unreachable, timed_out, stopped.
  Stream connect(const std::string& peer, std::uint16_t port, Stream::Duration deadline = Stream::Duration{15'000});
  /// The callback form; `done` runs once, on the client's thread.
  void asyncConnect(const std::string& peer, std::uint16_t port, std::function<void(std::error_code, Stream)> done);

  /// The clients that are registered now. Throws Error: not_running, timed_out.
  std::vector<PeerInfo> peers(Stream::Duration deadline = Stream::Duration{10'000});
  /// A round trip to a peer through the server, over a data channel of its own. Throws as connect().
  PingResult ping(const std::string& peer, Stream::Duration deadline = Stream::Duration{10'000});
  /// Round trips of datagrams to a peer through the server, over a UDP flow of their own, which the peer's client sends back. Without
  /// any answer UDP does not pass, though both sides have reached the server. Throws as connect(), and Error: server_unreachable (the
  /// server does not answer this client over UDP), target_unreachable (nor the peer), invalid_argument (the options).
  UdpPingResult pingUdp(const std::string& peer, const UdpPingOptions& options = {});

  /// The ways to the 256 peers that were asked for last, by their names. Empty after stop().
  std::vector<PeerWays> peerWays() const;

  std::vector<KnownPeerInfo> knownPeers() const;
  /// The peer's key is forgotten: whatever it shows next is remembered. False: it was not known.
  /// Throws Error(system_error): the file cannot be written.
  bool forgetPeer(const std::string& peer);
  /// The peer is known by this key ("ed25519:…") from now on, whatever was remembered. Connections that stand with
  /// another one stay; new ones are refused, in both directions.
  /// Throws Error: invalid_argument (no id, or no key), limit_reached, system_error (the file cannot be written; it
  /// then holds until the client ends).
  void trustPeer(const std::string& peer, const std::string& key);

  /// Called at each change, with the reason where there is one. Set before start.
  void onStateChange(std::function<void(ClientState state, std::error_code reason)> handler);
  /// Called for each local connection or flow that could not reach its service, with the reason. Set before start.
  void onSessionRejected(std::function<void(const Error& error)> handler);
  /// Called when a stream stalls, resumes or is given up. Set before start.
  void onStreamEvent(std::function<void(const StreamEvent& event)> handler);
  /// All streams now, in no order. Unencrypted connections are not among them. Empty after stop().
  std::vector<StreamInfo> streams() const;
  /// Moves the streams that were opened here to new carriers while the old ones live (connection migration): on the way to
  /// the server, and to the peer, that is the best one now. Some 64 a second; returns at once, with how many there are. Happens by
  /// itself when the client has come back on another way than before. Throws Error(stopped).
  std::size_t migrateStreams();

 private:
  std::shared_ptr<detail::ClientImpl> impl_;
};

}  // namespace chuantou
