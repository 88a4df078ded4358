// Networks of NATs and STUN servers in memory, in virtual time: what a detection is tested with. The same seed gives the same run.
#pragma once

#include <functional>
#include <map>
#include <queue>
#include <set>

#include "nat/detection.hpp"
#include "support/seeded_random.hpp"

namespace chuantou::nat::test {

UdpAddress at(const char* text);
IpAddress ip(const char* text);

/// How a NAT behaves (RFC 4787), or a firewall: `mapping` is `none` then.
struct NatModel {
  NatBehavior mapping = NatBehavior::endpoint_independent;
  NatBehavior filtering = NatBehavior::address_and_port_dependent;
  PortAllocation ports = PortAllocation::preserving;
  int step = 1;
  bool hairpin = false;
  bool blocked = false;  ///< lets no UDP out
  bool icmp = true;      ///< tells whose datagram has used up its hops
  std::vector<IpAddress> pool = {ip("203.0.113.1")};
  IpAddress inside = ip("192.168.1.1");
  Duration lifetime = std::chrono::hours{1};  ///< of an idle mapping
};

class SimNat {
 public:
  SimNat(NatModel model, chuantou::test::SeededRandom& random) : model_(std::move(model)), random_(random), counter_(20'000) {}

  const NatModel& model() const { return model_; }
  bool owns(const IpAddress& address) const;
  /// The source that the datagram has outside.
  std::optional<UdpAddress> outbound(const UdpAddress& from, const UdpAddress& to, TimePoint now);
  /// To whom inside it goes; nothing: it is dropped.
  std::optional<UdpAddress> inbound(const UdpAddress& from, const UdpAddress& to, TimePoint now);

 private:
  struct Mapping {
    UdpAddress inside;
    UdpAddress outside;
    std::set<UdpAddress> sentTo;
    TimePoint used;
  };
  UdpAddress freeAddress(const UdpAddress& from);
  bool isTaken(const UdpAddress& outside) const;

  NatModel model_;
  chuantou::test::SeededRandom& random_;
  int counter_;
  std::map<std::pair<UdpAddress, UdpAddress>, Mapping> mappings_;  ///< by the inside socket and what the mapping depends on
};

struct ServerModel {
  UdpAddress primary = at("198.51.100.1:3478");
  std::optional<UdpAddress> other = at("198.51.100.2:3479");  ///< the other address and the other port
  enum class Change { answered, ignored, refused, unanswered } change = Change::answered;
  enum class ResponsePort { answered, ignored, refused, unanswered } responsePort = ResponsePort::answered;
  bool dead = false;
  bool unreachable = false;  ///< dead, and its system says so
  bool otherDead = false;    ///< what OTHER-ADDRESS names does not answer
  std::optional<UdpAddress> namedOther;  ///< another OTHER-ADDRESS than is true
  std::optional<UdpAddress> claims;      ///< what it says everybody's address is
  Duration extraDelay{0};
};

struct NetworkModel {
  std::vector<NatModel> nats;  ///< the nearest first
  std::vector<ServerModel> servers = {ServerModel{}};
  IpAddress host = ip("192.168.1.10");
  double loss = 0;           ///< of each datagram, each way
  Duration delay{5'000'000};  ///< each way
  Duration jitter{0};
  Duration resolving{0};  ///< until the servers' addresses are known
  bool hops = true;
  Millis budget = NatDetection::Options{}.budget;
};

struct SimRun {
  Findings findings;
  Duration elapsed{0};
  std::size_t probes = 0;
  std::set<UdpAddress> sentTo;
};

/// Runs a detection to its end.
SimRun simulate(const NetworkModel& model, std::uint64_t seed);

/// The network that runs it, for other machines than NatDetection.
class SimNetwork {
 public:
  struct Heard {
    std::size_t socket = 0;
    UdpAddress from;
    Probe probe;                 ///< of which this is the answer, or which came itself
    bool isRequest = false;      ///< the probe itself arrived (hairpin)
    bool isError = false;        ///< an error response
    std::optional<UdpAddress> mapped;
    std::optional<UdpAddress> other;
  };
  static constexpr std::size_t kSockets = 20;
  SimNetwork(const NetworkModel& model, std::uint64_t seed);

  void send(const Probe& probe);
  UdpAddress local(std::size_t socket) const { return {model_.host, static_cast<std::uint16_t>(localPorts_[socket])}; }
  /// Lets time pass until `until` or the next event, whichever comes first; the events' handlers run.
  void step(TimePoint until);
  TimePoint now() const { return now_; }

  std::function<void(const Heard&)> onHeard;
  std::function<void(const ProbeError&)> onError;
  std::set<UdpAddress> sentTo;

 private:
  void later(Duration after, std::function<void()> what);
  bool lost() { return random_.below(1'000'000) < static_cast<std::size_t>(model_.loss * 1'000'000); }
  Duration wayTime();
  void reachServer(const Probe& probe, const UdpAddress& source);
  /// From outside NAT number `level` inwards.
  void inwards(std::size_t level, const UdpAddress& from, UdpAddress to, Heard heard);
  void icmp(const Probe& probe, ProbeError::Kind kind, const IpAddress& from);

  NetworkModel model_;
  chuantou::test::SeededRandom random_;
  std::vector<SimNat> nats_;
  std::vector<int> localPorts_;
  TimePoint now_{};
  std::uint64_t order_ = 0;
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
};

}  // namespace chuantou::nat::test
