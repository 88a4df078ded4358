// One whole detection: names are looked up, both families examined, relays and the router asked, all at once.
#pragma once

#include "base/endpoint_text.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "chuantou/nat_detector.hpp"
#include "engine/nat/family_detection.hpp"
#include "nat/lifetime_test.hpp"
#include "net/dialer.hpp"
#include "net/name_lookup.hpp"
#include "net/port_mapper.hpp"

namespace chuantou::engine {

struct NatCheckConfig {
  struct Server {
    std::string text;  ///< as it was given
    HostPort at;
  };
  std::vector<Server> stun;
  std::vector<ServerUrl> relays;
  bool portMapping = true;
  std::chrono::seconds measureLifetime{0};  ///< the longest wait; 0: not at all
  net::PortMapperOptions portMapper = {};

  /// Errors: invalid_argument, naming the server.
  static Result<NatCheckConfig> from(const NatDetectorConfig& config);
};

/// On the context's thread. Own one by shared_ptr; `done` runs once, never before start() returns.
class NatCheck : public std::enable_shared_from_this<NatCheck> {
 public:
  using Done = std::function<void(NatReport report)>;

  NatCheck(asio::io_context& context, RandomSource& random, const Logger& log, NatCheckConfig config, Done done);
  ~NatCheck();
  void start();
  /// `done` will not run.
  void cancel();

  /// The end, whatever is known by then; only a lifetime is measured after it.
  static constexpr Millis kDeadline{4'500};
  /// What a name server may take while others have answered.
  static constexpr Millis kLookupDeadline{1'500};
  static constexpr Millis kRelayDeadline{3'000};
  /// The router is asked a little later: it may owe us "nobody listens there", of which it sends few, and so no "time
  /// exceeded" any more, by which a second NAT shows.
  static constexpr Millis kMapperDelay{250};
  /// How long it is waited for then.
  static constexpr Millis kMapperPatience{550};

 private:
  struct Asked {
    std::size_t server = 0;
    UdpAddress address;
  };

  void lookUp();
  void onAddresses(std::size_t server, const std::vector<asio::ip::address>& addresses);
  void endLookups();
  void dialRelays();
  void dialRelay(std::size_t index, const std::vector<net::TcpEndpoint>& endpoints);
  void askRouter();
  void finishIfDone();
  void conclude();
  bool measureLifetime();
  void finish();
  NatReport makeReport() const;
  void after(net::Timer& timer, Duration wait, void (NatCheck::*what)());
  FamilyDetection& family(bool v6) { return v6 ? v6_ : v4_; }

  asio::io_context& context_;
  const Logger& log_;
  NatCheckConfig config_;
  Done done_;
  TimePoint began_{};
  FamilyDetection v4_;
  FamilyDetection v6_;
  std::unique_ptr<net::NameLookup> names_;
  std::unique_ptr<net::PortMapper> mapper_;
  std::optional<net::PortMapProbe> router_;
  std::vector<Asked> asked_;
  std::vector<RelayReport> relays_;
  std::vector<net::DialHandle> dials_;
  std::size_t lookupsLeft_ = 0;
  std::size_t relaysLeft_ = 0;
  RandomSource& random_;
  std::optional<NatReport> report_;  ///< of all but the lifetime
  std::optional<nat::LifetimeTest> lifetime_;
  std::shared_ptr<ProbeRun> lifetimeRun_;
  net::Timer lookupTimer_;
  net::Timer mapperTimer_;
  net::Timer deadline_;
};

}  // namespace chuantou::engine
