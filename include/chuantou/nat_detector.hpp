// What stands between this machine and the Internet, and what that means for direct connections.
//
// The detector asks STUN servers (RFC 8489, RFC 5780) from sockets of its own. It needs no chuantou server: any STUN
// server will do; one with two addresses (`cts run --stun-alt-address`, coturn) lets it tell everything.
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

namespace chuantou {

namespace detail {
class NatDetectorImpl;
}

/// The classic names (RFC 3489), of what `mapping` and `filtering` say together.
enum class NatType {
  unknown,          ///< UDP passes, but there was too little to go by
  none,             ///< this machine's own address is its public one; see `firewall`
  full_cone,        ///< who knows the public address reaches this machine
  restricted,       ///< only hosts that were sent something
  port_restricted,  ///< only host and port that were sent something
  symmetric,        ///< another public port for every destination
  udp_blocked,      ///< no answer to any datagram
};

/// How a NAT maps, and what it lets in (RFC 4787, sections 4.1 and 5).
enum class NatBehavior {
  unknown,
  none,                        ///< no mapping: there is no NAT
  endpoint_independent,        ///< mapping: one public port for all destinations; filtering: everybody is let in
  address_dependent,           ///< a mapping for each remote address; let in is who was sent something
  address_and_port_dependent,  ///< for each remote address and port
};

/// Which public port a new mapping gets.
enum class PortAllocation {
  unknown,
  preserving,  ///< the same as inside
  sequential,  ///< one after the other, by `portStep`
  random,
};

/// "port-restricted", "endpoint-independent", "sequential": the names that ctc netcheck --json uses.
const char* toString(NatType type) noexcept;
const char* toString(NatBehavior behavior) noexcept;
const char* toString(PortAllocation allocation) noexcept;

/// What was learned with one address family. Addresses are "192.0.2.1:4000" and "[2001:db8::1]:4000".
struct NatFamilyReport {
  bool udp = false;  ///< an answer came
  NatType type = NatType::unknown;
  NatBehavior mapping = NatBehavior::unknown;
  NatBehavior filtering = NatBehavior::unknown;
  PortAllocation portAllocation = PortAllocation::unknown;
  int portStep = 0;                             ///< of sequential allocation
  std::optional<bool> hairpin;                  ///< whether machines behind this NAT reach each other's public addresses
  std::optional<bool> doubleNat;                ///< whether there is another NAT behind this network's
  bool firewall = false;                        ///< no NAT, but not everybody is let in
  std::string publicAddress;                    ///< as the servers saw one socket of the detector
  std::string localAddress;                     ///< the same socket, as this machine sees it
  std::vector<std::string> publicAddresses;     ///< every public IP address that was seen (without ports)
  /// Names of the fields above whose value is a guess, or that could not be found out.
  std::vector<std::string> uncertain;
};

struct StunServerReport {
  std::string server = {};   ///< as it was given
  std::string address = {};  ///< what it was resolved to; empty: it was not
  bool answered = false;
  bool refused = false;  ///< its machine said that nobody listens there (Linux)
  std::chrono::microseconds rtt{0};
  bool behaviorDiscovery = false;  ///< has a second address or port to ask from (RFC 5780)
};

/// How a server is reached by TCP: what relayed connections use.
struct RelayReport {
  std::string url;
  bool reachable = false;
  std::chrono::microseconds latency{0};  ///< of a TCP handshake, the better one of two
};

/// What the router offers to do about opening a port for us.
struct PortMappingReport {
  bool available = false;
  std::vector<std::string> protocols;  ///< of "pcp", "nat-pmp", "upnp-igd": those that it speaks, the best first
  std::string gateway;                 ///< its address; empty: there is no way out
  std::string externalAddress;         ///< its own public address; empty: it did not say
};

/// The fields of the base are those of the family that connections would use: IPv4 where it was answered, else IPv6.
struct NatReport : NatFamilyReport {
  std::optional<NatFamilyReport> ipv4;  ///< empty: this machine has no way to any IPv4 server that was to be asked
  std::optional<NatFamilyReport> ipv6;  ///< the same
  std::vector<StunServerReport> servers;
  std::vector<RelayReport> relays;
  std::optional<PortMappingReport> portMapping;         ///< empty: was not asked for
  /// How long the NAT keeps a mapping that nothing goes through.
  struct Lifetime {
    std::chrono::seconds atLeast{0};
    std::chrono::seconds below{0};  ///< 0: longer than was waited for
  };
  std::optional<Lifetime> mappingLifetime;            ///< empty: was not asked for, or no server could tell
  std::chrono::system_clock::time_point timestamp{};  ///< when the detection ended
  std::chrono::milliseconds duration{0};
};

struct NatDetectorConfig {
  /// STUN servers, "HOST[:PORT]" (3478 where there is none). At most 12 addresses of a family are asked. Where this and
  /// `serverUrls` are empty: a few public ones, defaultStunServers().
  std::vector<std::string> stunServers = {};
  /// chuantou servers, "ws://HOST:8200": asked by STUN on the same port, and their latency is measured.
  std::vector<std::string> serverUrls = {};
  bool portMapping = true;  ///< ask the router whether it opens ports (nothing is opened)
  /// Wait so long at most to find out how long mappings live, up to an hour; a detection then takes as long as they do. It
  /// wants a server that answers to other ports when it is asked to (RESPONSE-PORT, RFC 5780; cts and coturn do), or a NAT that
  /// gives another public port afterwards. 0: not at all.
  std::chrono::seconds measureLifetime{0};
  std::chrono::milliseconds cacheFor{3'600'000};      ///< how long a report is good for; 0: it is never kept
  std::chrono::milliseconds redetectEvery{3'600'000};  ///< after start(): how often the detection is repeated
  bool watchNetwork = true;  ///< a change of this machine's addresses, routes or links ends what is cached (Linux)
  LogLevel logLevel = LogLevel::info;
  LogSink log = {};
  Language language = Language::english;  ///< of log lines
};

/// Whom a detector asks that is told of no server: operated by others, who learn this machine's address.
std::vector<std::string> defaultStunServers();

/// Finds out about the NAT, and keeps what it found. A detection takes less than a second where nothing is lost, and 5 s
/// at most (but see measureLifetime). It never fails because of the network: what could not be found out is named in the report.
///
/// Lifetime: the destructor stops. Threads: every member is safe from any thread; the detector has one of its own, on
/// which callbacks run; they must not block, and none may call detect(), stop() or the destructor. After stop() calls
/// fail with Errc::stopped.
class NatDetector {
 public:
  using ReportHandler = std::function<void(const NatReport& report)>;

  /// Throws Error(invalid_argument): a server that is none, or times that are negative.
  explicit NatDetector(NatDetectorConfig config = {});
  ~NatDetector();
  NatDetector(const NatDetector&) = delete;
  NatDetector& operator=(const NatDetector&) = delete;

  /// The report of the cache, or of a new detection; calls at the same time share one.
  /// Throws Error(stopped).
  NatReport detect();
  /// The callback form; `done` runs once, on the detector's thread; after stop() at once, with Errc::stopped.
  void asyncDetect(std::function<void(std::error_code error, const NatReport& report)> done);
  /// What detect() would give at once.
  std::optional<NatReport> cached() const;
  /// The next detect() looks anew, and so does one that waits for a detection that has begun.
  void invalidateCache();

  /// Called after each detection that ended. Set before start().
  void onReport(ReportHandler handler);
  /// Detects now, then every `redetectEvery`, and whenever the network has changed.
  void start();
  /// Ends everything; detect() calls that wait throw. Idempotent; returns when all has ended.
  void stop() noexcept;

 private:
  std::shared_ptr<detail::NatDetectorImpl> impl_;
};

}  // namespace chuantou
