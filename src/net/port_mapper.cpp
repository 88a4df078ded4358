#include "net/port_mapper.hpp"

#include <algorithm>
#include <list>

#include "base/backoff.hpp"
#include "nat/port_lease.hpp"
#include "net/gateway_link.hpp"

namespace chuantou::net {

namespace {
/// How often the way to the internet is looked at.
constexpr std::chrono::seconds kWatchInterval{15};
/// Between probes of a gateway that gives us nothing.
constexpr Millis kProbeMin{30'000};
constexpr Millis kProbeMax{1'800'000};
}  // namespace

class PortMapper::Impl final : public GatewayLink::User, public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, RandomSource& random, const Logger& log, PortMapperOptions options);

  void probe(ProbeDone done, Duration patience);
  std::optional<MappingId> add(const MapKey& key, OnChange onChange, std::chrono::seconds lifetime);
  void remove(MappingId id);
  void networkChanged();
  void stop(std::function<void()> done);
  void close();

 private:
  struct Entry {
    MappingId id{};
    MapKey key;
    std::chrono::seconds lifetime{0};
    OnChange onChange;                         ///< nothing: it is on its way out
    std::optional<nat::MapProtocol> protocol;  ///< nothing: none is known that works
    nat::PortLease lease;
    bool told = false;  ///< `mapping`, which may be none
    std::optional<PortMapping> mapping;
  };
  struct News {
    OnChange onChange;
    std::optional<PortMapping> mapping;
  };

  void onMapAnswer(const MapAnswer& answer) override;
  void onGatewayRestarted() override;
  void onSpoken(nat::MapProtocol protocol) override;

  std::optional<DefaultGateway> lookUp();
  bool followGateway();
  void leaveGateway();
  void watch();
  void beginProbe(Duration patience = kProbeDeadline);
  void finishProbe(const GatewaySkills& skills);
  void planProbe();

  void startIdle();
  void startLease(Entry& entry, nat::MapProtocol protocol);
  std::optional<nat::MapProtocol> protocolAfter(nat::MapProtocol protocol) const;
  void pumpSoon();
  void pump();
  void pumpEntry(Entry& entry, TimePoint now, std::vector<News>& news);
  void note(Entry& entry, const std::optional<nat::ExternalEndpoint>& external, std::vector<News>& news);
  void finishStop();

  asio::io_context& context_;
  RandomSource& random_;
  const Logger& log_;
  PortMapperOptions options_;
  nat::PcpNonce nonce_{};
  std::shared_ptr<GatewayLink> link_;  ///< null: there is no gateway
  bool probing_ = false;
  bool probed_ = false;  ///< skills_ are the gateway's
  bool probePlanned_ = false;
  GatewaySkills skills_;
  std::vector<ProbeDone> waiting_;
  Backoff probeBackoff_{kProbeMin, kProbeMax};
  std::list<Entry> entries_;
  std::uint64_t lastId_ = 0;
  Timer pumpTimer_;
  Timer probeTimer_;
  Timer watchTimer_;
  Timer stopTimer_;
  bool stopping_ = false;
  bool closed_ = false;
  std::function<void()> stopDone_;
};

PortMapper::Impl::Impl(asio::io_context& context, RandomSource& random, const Logger& log, PortMapperOptions options)
    : context_(context),
      random_(random),
      log_(log),
      options_(std::move(options)),
      pumpTimer_(context),
      probeTimer_(context),
      watchTimer_(context),
      stopTimer_(context) {
  random_.fill(nonce_);
}

void PortMapper::Impl::close() {
  closed_ = true;
  for (Timer* timer : {&pumpTimer_, &probeTimer_, &watchTimer_, &stopTimer_}) timer->cancel();
  if (link_) link_->close();
  link_.reset();
  entries_.clear();
  waiting_.clear();
  stopDone_ = nullptr;
}

// ---- the gateway

std::optional<DefaultGateway> PortMapper::Impl::lookUp() {
  if (options_.gateway) return options_.gateway;
  return findDefaultGateway(context_);
}

/// Another gateway knows nothing of our mappings.
void PortMapper::Impl::leaveGateway() {
  if (link_) link_->close();
  link_.reset();
  probing_ = probed_ = false;
  skills_ = {};
  for (Entry& entry : entries_) {
    entry.protocol.reset();
    entry.lease = nat::PortLease{entry.lifetime, random_};
    if (!entry.onChange) entry.lease.release(Clock::now());
  }
  probeBackoff_.reset();
  pumpSoon();
}

void PortMapper::Impl::networkChanged() {
  if (closed_ || stopping_) return;
  if (followGateway()) return;
  // Another network may look the same: whether this gateway knows us, its answer tells.
  onGatewayRestarted();
}

/// Whether there is another gateway than before.
bool PortMapper::Impl::followGateway() {
  const auto gateway = lookUp();
  if (gateway == (link_ ? std::optional{link_->gateway()} : std::nullopt)) return false;
  leaveGateway();
  beginProbe();
  return true;
}

void PortMapper::Impl::watch() {
  watchTimer_.expires_after(kWatchInterval);
  watchTimer_.async_wait([weak = weak_from_this()](const ErrorCode& ec) {
    const auto self = weak.lock();
    if (ec || !self || self->stopping_ || self->entries_.empty()) return;
    self->followGateway();
    self->watch();
  });
}

void PortMapper::Impl::probe(ProbeDone done, Duration patience) {
  waiting_.push_back(std::move(done));
  beginProbe(patience);
}

void PortMapper::Impl::beginProbe(Duration patience) {
  if (probing_ || closed_) return;
  const auto gateway = lookUp();
  if (link_ && gateway != link_->gateway()) leaveGateway();
  probing_ = true;
  probePlanned_ = false;
  probeTimer_.cancel();
  if (!gateway) {
    asio::post(context_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->probing_ && !self->link_) self->finishProbe({});
    });
    return;
  }
  if (!link_) {
    link_ = std::make_shared<GatewayLink>(context_, *gateway, nonce_, *this);
    link_->start(options_.gatewayPort);
  }
  link_->discover(options_.protocols, patience, [weak = weak_from_this()](const GatewaySkills& skills) {
    if (const auto self = weak.lock()) self->finishProbe(skills);
  });
}

void PortMapper::Impl::onSpoken(nat::MapProtocol protocol) {
  if (!probing_ || protocol != nat::MapProtocol::pcp) return;
  skills_.protocols = {protocol};  // nothing better will be found: no need to wait for the others
  startIdle();
}

void PortMapper::Impl::finishProbe(const GatewaySkills& skills) {
  const auto self = shared_from_this();  // a handler may end us
  probing_ = false;
  probed_ = true;
  skills_ = skills;
  PortMapProbe found;
  if (link_) found.gateway = IpAddress{link_->gateway().address.to_bytes()};
  found.protocols = skills.protocols;
  found.externalAddress = skills.externalAddress;
  std::string spoken;
  for (const nat::MapProtocol protocol : skills.protocols) spoken += std::string{" "} + nat::nameOf(protocol);
  log_.log(LogLevel::debug, "portmap", "the gateway{} speaks:{}", found.gateway ? " " + found.gateway->str() : "",
           spoken.empty() ? " nothing" : spoken);
  startIdle();
  planProbe();
  for (const ProbeDone& done : std::exchange(waiting_, {})) {
    done(found);
    if (closed_) return;
  }
}

/// Where somebody waits for a mapping and nothing gives one, the gateway is asked again, ever more seldom.
void PortMapper::Impl::planProbe() {
  const bool needed = std::any_of(entries_.begin(), entries_.end(),
                                  [](const Entry& entry) { return entry.onChange && !entry.protocol; });
  if (!needed || probing_ || !probed_ || probePlanned_ || stopping_) return;
  probePlanned_ = true;
  probeTimer_.expires_after(probeBackoff_.next(random_));
  probeTimer_.async_wait([weak = weak_from_this()](const ErrorCode& ec) {
    const auto self = weak.lock();
    if (!ec && self) self->beginProbe();
  });
}

// ---- mappings

std::optional<PortMapper::MappingId> PortMapper::Impl::add(const MapKey& key, OnChange onChange,
                                                           std::chrono::seconds lifetime) {
  // One that is on its way out is taken over; it needs no removal then.
  entries_.remove_if([&](const Entry& entry) { return entry.key == key && !entry.onChange; });
  const auto taken = [&](const Entry& entry) { return entry.key == key; };
  if (stopping_ || closed_ || entries_.size() >= kMaxMappings) return std::nullopt;
  if (std::any_of(entries_.begin(), entries_.end(), taken)) return std::nullopt;
  const MappingId id{++lastId_};
  entries_.push_back({id, key, lifetime, std::move(onChange), {}, nat::PortLease{lifetime, random_}, false, {}});
  if (entries_.size() == 1) watch();
  if (probed_ && !skills_.protocols.empty()) {
    startIdle();
  } else {
    beginProbe();
  }
  return id;
}

void PortMapper::Impl::remove(MappingId id) {
  for (Entry& entry : entries_) {
    if (entry.id != id) continue;
    entry.onChange = nullptr;
    entry.lease.release(Clock::now());
  }
  pumpSoon();
}

void PortMapper::Impl::startLease(Entry& entry, nat::MapProtocol protocol) {
  entry.protocol = protocol;
  entry.lease = nat::PortLease{entry.lifetime, random_};
  entry.lease.start(Clock::now());
}

void PortMapper::Impl::startIdle() {
  for (Entry& entry : entries_) {
    if (entry.onChange && !entry.protocol && !skills_.protocols.empty()) startLease(entry, skills_.protocols.front());
  }
  pumpSoon();
}

std::optional<nat::MapProtocol> PortMapper::Impl::protocolAfter(nat::MapProtocol protocol) const {
  const auto it = std::upper_bound(skills_.protocols.begin(), skills_.protocols.end(), protocol);
  return it == skills_.protocols.end() ? std::nullopt : std::optional{*it};
}

void PortMapper::Impl::onMapAnswer(const MapAnswer& answer) {
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.key == answer.key && entry.protocol == answer.protocol;
  });
  if (it == entries_.end()) return;
  Entry& entry = *it;
  const TimePoint now = Clock::now();
  if (answer.granted) {
    entry.lease.handleGranted(now, answer.external, answer.lifetime);
  } else if (const auto other = protocolAfter(answer.protocol); other && entry.onChange) {
    startLease(entry, *other);
  } else {
    entry.lease.handleRefused(now, answer.lifetime);
  }
  pumpSoon();
}

void PortMapper::Impl::onGatewayRestarted() {
  const TimePoint now = Clock::now();
  for (Entry& entry : entries_) entry.lease.handleReset(now);
  if (probed_ && skills_.protocols.empty() && !entries_.empty()) beginProbe();
  pumpSoon();
}

/// Handlers and requests never run inside of a call of the user's.
void PortMapper::Impl::pumpSoon() {
  pumpTimer_.expires_at(Clock::now());
  pumpTimer_.async_wait([weak = weak_from_this()](const ErrorCode& ec) {
    const auto self = weak.lock();
    if (!ec && self) self->pump();
  });
}

void PortMapper::Impl::note(Entry& entry, const std::optional<nat::ExternalEndpoint>& external,
                            std::vector<News>& news) {
  std::optional<PortMapping> mapping;
  if (external && entry.protocol) mapping = PortMapping{*entry.protocol, *external};
  if (!entry.onChange || (entry.told && entry.mapping == mapping)) return;
  entry.told = true;
  entry.mapping = mapping;
  if (mapping) probeBackoff_.reset();
  news.push_back({entry.onChange, mapping});
}

void PortMapper::Impl::pumpEntry(Entry& entry, TimePoint now, std::vector<News>& news) {
  while (const auto lifetime = entry.lease.pollRequest(now)) {
    if (link_ && entry.protocol) link_->request(*entry.protocol, entry.key, entry.lease.external(), *lifetime);
  }
  while (entry.lease.pollChange()) {
  }
  if (entry.lease.isUnanswered() && entry.onChange && entry.protocol) {
    if (const auto other = protocolAfter(*entry.protocol)) {
      startLease(entry, *other);
      pumpSoon();
    } else {
      entry.protocol.reset();
      entry.lease = nat::PortLease{entry.lifetime, random_};
    }
  }
  // Nothing is said before something is known.
  if (entry.lease.external() || entry.told || entry.lease.isRefused() || (probed_ && !entry.protocol)) {
    note(entry, entry.lease.external(), news);
  }
}

void PortMapper::Impl::pump() {
  const auto self = shared_from_this();  // a handler may end us
  const TimePoint now = Clock::now();
  std::optional<TimePoint> next;
  std::vector<News> news;
  for (Entry& entry : entries_) {
    pumpEntry(entry, now, news);
    if (const auto at = entry.lease.nextAt(); at && (!next || *at < *next)) next = at;
  }
  entries_.remove_if([](const Entry& entry) { return entry.lease.isOver(); });
  if (next) {
    pumpTimer_.expires_at(*next);
    pumpTimer_.async_wait([weak = weak_from_this()](const ErrorCode& ec) {
      const auto again = weak.lock();
      if (!ec && again) again->pump();
    });
  }
  planProbe();
  for (const News& one : news) {
    if (!closed_) one.onChange(one.mapping);
  }
  if (stopping_ && entries_.empty()) finishStop();
}

void PortMapper::Impl::stop(std::function<void()> done) {
  stopping_ = true;
  stopDone_ = std::move(done);
  stopTimer_.expires_after(kStopDeadline);
  stopTimer_.async_wait([weak = weak_from_this()](const ErrorCode& ec) {
    const auto self = weak.lock();
    if (!ec && self) self->finishStop();
  });
  for (Entry& entry : entries_) {
    entry.onChange = nullptr;
    entry.lease.release(Clock::now());
  }
  pumpSoon();
}

void PortMapper::Impl::finishStop() {
  const auto done = std::exchange(stopDone_, nullptr);
  close();
  if (done) done();
}

// ---- the public face

PortMapper::PortMapper(asio::io_context& context, RandomSource& random, const Logger& log, PortMapperOptions options)
    : impl_(std::make_shared<Impl>(context, random, log, std::move(options))) {}
PortMapper::~PortMapper() { close(); }
void PortMapper::probe(ProbeDone done, Duration patience) { impl_->probe(std::move(done), patience); }
std::optional<PortMapper::MappingId> PortMapper::add(std::uint16_t internalPort, nat::Transport transport,
                                                     OnChange onChange, std::chrono::seconds lifetime) {
  return impl_->add({transport, internalPort}, std::move(onChange), lifetime);
}
void PortMapper::remove(MappingId id) { impl_->remove(id); }
void PortMapper::networkChanged() { impl_->networkChanged(); }
void PortMapper::stop(std::function<void()> done) { impl_->stop(std::move(done)); }
void PortMapper::close() { impl_->close(); }

}  // namespace chuantou::net
