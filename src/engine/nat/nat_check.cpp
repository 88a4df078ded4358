#include "engine/nat/nat_check.hpp"

#include <algorithm>

#include "engine/nat/nat_report.hpp"
#include "net/ip_convert.hpp"
#include "stun/message.hpp"

namespace chuantou::engine {

namespace {

constexpr std::size_t kMaxServers = 16;
constexpr std::chrono::seconds kMaxLifetime{3600};

}  // namespace

Result<NatCheckConfig> NatCheckConfig::from(const NatDetectorConfig& config) {
  NatCheckConfig out;
  out.portMapping = config.portMapping;
  out.measureLifetime = config.measureLifetime;
  if (config.measureLifetime < std::chrono::seconds{0} || config.measureLifetime > kMaxLifetime) {
    return Error{Errc::invalid_argument, "the longest wait for a mapping's end", "it must be 0 to 3600 seconds"};
  }
  const bool none = config.stunServers.empty() && config.serverUrls.empty();
  for (const std::string& text : config.serverUrls) {
    auto url = parseServerUrl(text);
    if (!url) return url.error();
    out.stun.push_back({text, url.value().at});
    out.relays.push_back(std::move(url.value()));
  }
  for (const std::string& text : none ? defaultStunServers() : config.stunServers) {
    const auto at = parseHostPort(text, stun::kDefaultPort);
    if (!at) return Error{Errc::invalid_argument, "the STUN server \"" + text + "\"", "it must be HOST or HOST:PORT"};
    out.stun.push_back({text, *at});
  }
  if (out.stun.size() > kMaxServers) return Error{Errc::invalid_argument, "the list of STUN servers", "it has more than 16"};
  return out;
}

NatCheck::NatCheck(asio::io_context& context, RandomSource& random, const Logger& log, NatCheckConfig config, Done done)
    : context_(context),
      log_(log),
      config_(std::move(config)),
      done_(std::move(done)),
      v4_(context, random, false, [this] { finishIfDone(); }),
      v6_(context, random, true, [this] { finishIfDone(); }),
      names_(std::make_unique<net::NameLookup>(context)),
      random_(random),
      lookupTimer_(context),
      mapperTimer_(context),
      deadline_(context) {
  if (config_.portMapping) mapper_ = std::make_unique<net::PortMapper>(context, random, log, config_.portMapper);
}

NatCheck::~NatCheck() { cancel(); }

void NatCheck::after(net::Timer& timer, Duration wait, void (NatCheck::*what)()) {
  timer.expires_after(wait);
  timer.async_wait([weak = weak_from_this(), what](const net::ErrorCode& ec) {
    const auto self = weak.lock();
    if (!ec && self && self->done_) ((*self).*what)();
  });
}

void NatCheck::start() {
  began_ = Clock::now();
  after(deadline_, kDeadline, &NatCheck::conclude);
  if (mapper_) after(mapperTimer_, kMapperDelay, &NatCheck::askRouter);
  dialRelays();
  lookUp();
}

void NatCheck::cancel() {
  done_ = nullptr;
  for (net::Timer* timer : {&lookupTimer_, &mapperTimer_, &deadline_}) timer->cancel();
  names_.reset();
  if (mapper_) mapper_->close();
  for (const net::DialHandle& dial : dials_) net::cancelDial(dial);
  dials_.clear();
  v4_.close();
  v6_.close();
  if (lifetimeRun_) lifetimeRun_->close();
}

// --- whom to ask

void NatCheck::lookUp() {
  lookupsLeft_ = config_.stun.size();
  if (lookupsLeft_ == 0) return endLookups();
  for (std::size_t i = 0; i < config_.stun.size(); ++i) {
    names_->find(config_.stun[i].at.host, [this, i](const net::ErrorCode&, const auto& addresses) {
      onAddresses(i, addresses);
      if (lookupsLeft_ > 0 && --lookupsLeft_ == 0) endLookups();
    });
  }
  after(lookupTimer_, kLookupDeadline, &NatCheck::endLookups);
}

void NatCheck::onAddresses(std::size_t server, const std::vector<asio::ip::address>& addresses) {
  bool have[2] = {false, false};
  for (const asio::ip::address& address : addresses) {
    // One of each family: the others of a name are most likely the same server.
    if (std::exchange(have[address.is_v6()], true)) continue;
    const UdpAddress at{net::fromAsio(address), config_.stun[server].at.port};
    asked_.push_back({server, at});
    family(address.is_v6()).addServer(at);
  }
}

void NatCheck::endLookups() {
  lookupTimer_.cancel();
  lookupsLeft_ = 0;
  v4_.noMoreServers();
  v6_.noMoreServers();
  // One that nobody could be asked of has no more to tell.
  asio::post(context_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->finishIfDone();
  });
}

// --- relays and the router

void NatCheck::dialRelays() {
  relaysLeft_ = config_.relays.size();
  for (std::size_t i = 0; i < config_.relays.size(); ++i) {
    relays_.push_back({config_.relays[i].str(), false, std::chrono::microseconds{0}});
    names_->find(config_.relays[i].at.host, [this, i](const net::ErrorCode&, const auto& addresses) {
      std::vector<net::TcpEndpoint> endpoints;
      for (const asio::ip::address& address : addresses) endpoints.emplace_back(address, config_.relays[i].at.port);
      dialRelay(i, net::interleave(endpoints));
    });
  }
}

/// Twice: the first time routers may have to ask for their neighbours' addresses before anything goes on.
void NatCheck::dialRelay(std::size_t index, const std::vector<net::TcpEndpoint>& endpoints) {
  const TimePoint start = Clock::now();
  const auto done = [weak = weak_from_this(), index, start](const net::ErrorCode& ec, const net::TcpSocket& socket) {
    const auto self = weak.lock();
    if (!self || !self->done_) return;
    RelayReport& relay = self->relays_[index];
    const bool again = !ec && !relay.reachable;
    if (!ec) {
      const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
      relay.latency = relay.reachable ? std::min(relay.latency, took) : took;
      relay.reachable = true;
    }
    net::ErrorCode ignored;
    if (again) return self->dialRelay(index, {socket.remote_endpoint(ignored)});
    --self->relaysLeft_;
    self->finishIfDone();
  };
  dials_.push_back(net::dialAny(context_, endpoints, kRelayDeadline, done));
}

void NatCheck::askRouter() {
  mapper_->probe(
      [this](const net::PortMapProbe& probe) {
        router_ = probe;
        finishIfDone();
      },
      kMapperPatience);
}

// --- the end

void NatCheck::finishIfDone() {
  if (!done_ || report_ || !v4_.done() || !v6_.done() || relaysLeft_ > 0) return;
  if (mapper_ && !router_) return;
  conclude();
}

void NatCheck::conclude() {
  if (report_) return;
  report_ = makeReport();
  if (!measureLifetime()) finish();
}

/// With the first server that answered, of those that have a second address if there is one: they know RESPONSE-PORT.
bool NatCheck::measureLifetime() {
  if (config_.measureLifetime == std::chrono::seconds{0}) return false;
  std::optional<UdpAddress> server;
  for (const bool discovery : {true, false}) {
    for (const auto& findings : {v4_.findings(), v6_.findings()}) {
      if (!findings) continue;
      for (const nat::ServerFinding& f : findings->servers) {
        if (!server && f.answered && (f.behaviorDiscovery || !discovery)) server = f.address;
      }
    }
  }
  if (!server) return false;
  lifetime_.emplace(Clock::now(), *server, config_.measureLifetime);
  lifetimeRun_ = std::make_shared<ProbeRun>(context_, random_, [this] { finish(); });
  if (!lifetimeRun_->open(server->ip.isV6(), lifetime_->sockets())) return false;
  lifetimeRun_->run(*lifetime_);
  return true;
}

void NatCheck::finish() {
  if (!done_) return;
  const auto self = shared_from_this();
  NatReport report = std::move(*report_);
  if (const auto measured = lifetime_ ? lifetime_->lifetime() : std::nullopt) {
    report.mappingLifetime = NatReport::Lifetime{measured->atLeast, measured->below};
  }
  report.timestamp = std::chrono::system_clock::now();
  report.duration = std::chrono::duration_cast<Millis>(Clock::now() - began_);
  const Done done = std::exchange(done_, nullptr);
  cancel();
  log_.log(LogLevel::debug, "nat", "{} (mapping {}, filtering {}), {} ms", toString(report.type), toString(report.mapping),
           toString(report.filtering), report.duration.count());
  asio::post(context_, [done, report = std::move(report)]() mutable { done(std::move(report)); });
}

NatReport NatCheck::makeReport() const {
  NatEvidence evidence;
  evidence.v4 = v4_.findings();
  evidence.v6 = v6_.findings();
  for (std::size_t i = 0; i < config_.stun.size(); ++i) {
    evidence.servers.push_back({config_.stun[i].text, {}});
    for (const Asked& asked : asked_) {
      if (asked.server == i) evidence.servers.back().addresses.push_back(asked.address);
    }
  }
  evidence.relays = relays_;
  evidence.router = router_;
  return reportOf(evidence);
}

}  // namespace chuantou::engine
