// The whole examination of one address family's way out: which probes to send, and what their answers mean. No sockets, no clock.
//
//   socket 0       one question to every server, and to both further addresses of one that has them: how the NAT maps
//   sockets 1, 2   what it lets in (FilterTest), each with one server
//   sockets 3 … 7  one question each to one server: which ports it gives; then hairpin (3, 4) and hops (6, 7)
//
// All run at once. Where UDP passes that takes a few round trips and about half a second of waiting for what does not come.
#pragma once

#include <string>

#include "nat/behavior.hpp"
#include "nat/filter_test.hpp"
#include "nat/hairpin_test.hpp"
#include "nat/hop_test.hpp"
#include "nat/query.hpp"

namespace chuantou::nat {

struct ServerFinding {
  UdpAddress address;
  bool answered = false;
  bool refused = false;  ///< ICMP: nobody listens there, so that the datagram arrived
  Duration rtt{0};
  bool behaviorDiscovery = false;
};

struct Findings {
  NatFamilyReport report;
  std::vector<ServerFinding> servers;  ///< in the order in which they were added
};

class NatDetection final : public ProbeMachine {
 public:
  struct Options {
    Millis budget{3'800};  ///< the end, whatever is known by then
    bool hops = false;     ///< the caller can limit hops and reports hopsUsedUp
  };
  static constexpr std::size_t kSockets = 8;
  static constexpr std::size_t kMaxServers = 12;

  NatDetection(TimePoint now, const Options& options) : options_(options), end_(now + options.budget) {}

  /// Ignored: one that is there already, of the other family, not an address to send to, or above kMaxServers.
  void addServer(TimePoint now, const UdpAddress& address);
  void noMoreServers(TimePoint now);

  void handleAnswer(TimePoint now, const ProbeAnswer& answer) override;
  void handleErrorResponse(TimePoint now, std::uint32_t id) override;
  void handleArrival(TimePoint now, std::uint32_t id, std::size_t socket) override;
  void handleError(TimePoint now, const ProbeError& error) override;
  void handleTimeout(TimePoint now) override { advance(now); }
  std::optional<Probe> pollSend() override;
  TimePoint pollTimeout() const override;
  bool done() const noexcept override { return done_; }
  Findings findings() const;

 private:
  struct Server {
    UdpAddress address;
    std::size_t query = 0;
    bool inside = false;
    std::optional<UdpAddress> other;
  };
  enum class Owner : std::uint8_t { query, filter, hairpin, hop };
  struct Sent {
    Owner owner = Owner::query;
    std::uint8_t index = 0;
    std::uint32_t slot = 0;
    TimePoint at;
  };

  void advance(TimePoint now);
  void handleQueryAnswer(TimePoint now, const ProbeAnswer& answer, const Sent& sent);
  void handleServerAnswer(TimePoint now, Server& server, const ProbeAnswer& answer);
  void startFromBase(TimePoint now, const UdpAddress& server);
  void startDiscovery(TimePoint now, Server& server);
  void startHairpin(TimePoint now);
  void startHops(TimePoint now);
  std::size_t addQuery(TimePoint now, std::size_t socket, const UdpAddress& to, std::optional<Pace> pace = {});
  bool mayAsk(const UdpAddress& address, const Server& namedBy) const;
  bool eligible(const Server& server) const;
  bool outsideIsHopeless() const;
  bool complete() const;
  Duration patience() const;
  std::vector<Sighting> mappingSightings() const;
  std::vector<Sighting> portSightings() const;
  Judged mapping() const;
  Judged filtering() const;
  bool isAlive(const UdpAddress& address, bool anyPort) const;

  Options options_;
  TimePoint end_;
  std::vector<Server> servers_;
  std::vector<Query> queries_;
  std::vector<FilterTest> filters_;
  std::optional<HairpinTest> hairpin_;
  std::optional<HopTest> hops_;
  std::optional<Pace> pace_;  ///< of the first answer
  std::optional<UdpAddress> base_;  ///< the server that sockets 3 … 7 ask
  std::vector<Sighting> sightings_;  ///< the first of each socket and server
  std::vector<Sent> sent_;
  std::vector<Probe> outgoing_;
  std::size_t nextOut_ = 0;
  bool noMore_ = false;
  bool done_ = false;
};

}  // namespace chuantou::nat
