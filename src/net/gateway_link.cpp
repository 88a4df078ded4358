#include "net/gateway_link.hpp"

#include <algorithm>

namespace chuantou::net {

namespace {

using nat::MapProtocol;

/// How long PCP and NAT-PMP are waited for before they are asked again; who has not answered by the end does not speak.
constexpr Millis kAskAgain[] = {Millis{250}, Millis{500}, Millis{750}};
constexpr Duration kUpnpCall = Millis{3000};
/// UPnP's ports move when a gateway restarts; it is searched again when a call does not reach it, but not more often.
constexpr std::chrono::seconds kUpnpSearchPause{5};
/// For answers that do not say for how long they stand.
constexpr std::chrono::seconds kRefusal{300};
/// Dynamic ports, where one that is taken is replaced (RFC 6335, section 6).
constexpr std::uint32_t kFirstDynamicPort = 49152;
constexpr std::uint32_t kDynamicPorts = 16384;
constexpr std::uint32_t kConflictStep = 4099;
constexpr std::uint32_t kMaxConflicts = 4;

IpAddress ofAsio(const asio::ip::address_v4& address) { return IpAddress{address.to_bytes()}; }

/// Whether a packet could ever come to it: a gateway may say anything.
bool isUsable(const nat::ExternalEndpoint& external) {
  return external.port != 0 && kindOf(external.address) == AddressKind::ordinary;
}

}  // namespace

GatewayLink::GatewayLink(asio::io_context& context, const DefaultGateway& gateway, const nat::PcpNonce& nonce,
                         User& user)
    : gateway_(gateway),
      nonce_(nonce),
      user_(&user),
      socket_(std::make_shared<GatewaySocket>(context, gateway, *this)),
      upnp_(std::make_shared<UpnpGateway>(context, gateway)),
      askTimer_(context),
      discoveryTimer_(context) {}

void GatewayLink::start(std::uint16_t port) { socket_->start(port); }

void GatewayLink::close() {
  user_ = nullptr;
  discovered_ = nullptr;
  askTimer_.cancel();
  discoveryTimer_.cancel();
  socket_->close();
  upnp_->close();
}

// ---- discovery

void GatewayLink::discover(std::vector<MapProtocol> protocols, Duration deadline,
                           std::function<void(const GatewaySkills&)> done) {
  unknown_ = std::move(protocols);
  skills_ = {};
  discovered_ = std::move(done);
  discoveryEnd_ = Clock::now() + deadline;
  discoveryTimer_.expires_at(discoveryEnd_);
  discoveryTimer_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (!ec && self->discovered_) self->finishDiscovery();
  });
  if (isUnknown(MapProtocol::upnpIgd)) searchUpnp(deadline);
  askAgain(0);
}

bool GatewayLink::isUnknown(MapProtocol protocol) const {
  return discovered_ && std::find(unknown_.begin(), unknown_.end(), protocol) != unknown_.end();
}

void GatewayLink::askAgain(std::size_t round) {
  if (isUnknown(MapProtocol::pcp)) socket_->send(nat::encodePcpAnnounce(ofAsio(gateway_.local)));
  if (isUnknown(MapProtocol::natPmp)) socket_->send(nat::encodeNatPmpAddress());
  askTimer_.expires_after(kAskAgain[round]);
  askTimer_.async_wait([self = shared_from_this(), next = round + 1](const ErrorCode& ec) {
    if (ec || !self->discovered_) return;
    if (next < std::size(kAskAgain)) return self->askAgain(next);
    self->setKnown(MapProtocol::pcp, false);
    self->setKnown(MapProtocol::natPmp, false);
    if (self->discovered_ && self->unknown_.empty()) self->finishDiscovery();  // nothing was asked for
  });
}

void GatewayLink::searchUpnp(Duration deadline) {
  upnpSearchedAt_ = Clock::now();
  upnp_->discover(deadline, [self = shared_from_this()](bool found) {
    if (!found || !self->isUnknown(MapProtocol::upnpIgd)) return self->setKnown(MapProtocol::upnpIgd, found);
    const Duration left = std::max<Duration>(self->discoveryEnd_ - Clock::now(), Millis{1});
    self->upnp_->externalAddress(left, [self](const std::optional<IpAddress>& address) {
      if (!self->skills_.externalAddress) self->skills_.externalAddress = address;
      self->setKnown(MapProtocol::upnpIgd, true);
    });
  });
}

void GatewayLink::setKnown(MapProtocol protocol, bool spoken) {
  if (!isUnknown(protocol)) return;
  std::erase(unknown_, protocol);
  if (spoken) {
    skills_.protocols.push_back(protocol);
    std::sort(skills_.protocols.begin(), skills_.protocols.end());
    user_->onSpoken(protocol);
  }
  if (discovered_ && unknown_.empty()) finishDiscovery();
}

void GatewayLink::finishDiscovery() {
  askTimer_.cancel();
  discoveryTimer_.cancel();
  std::exchange(discovered_, nullptr)(skills_);
}

// ---- PCP and NAT-PMP

void GatewayLink::onGatewayRefused() {
  setKnown(MapProtocol::pcp, false);
  setKnown(MapProtocol::natPmp, false);
}

void GatewayLink::onGatewayDatagram(std::span<const std::uint8_t> datagram) {
  const auto self = shared_from_this();  // the user may let go of us
  if (const auto pcp = nat::decodePcpReply(datagram)) return onPcp(*pcp);
  if (const auto natPmp = nat::decodeNatPmpReply(datagram)) onNatPmp(*natPmp);
}

void GatewayLink::onEpoch(MapProtocol protocol, std::uint32_t epoch) {
  if (epochs_[protocol].handleEpoch(Clock::now(), epoch)) user_->onGatewayRestarted();
}

void GatewayLink::onPcp(const nat::PcpReply& reply) {
  const bool spoken = reply.result != nat::PcpResult::unsupportedVersion;
  const bool news = !isUnknown(MapProtocol::pcp) && epochs_.count(MapProtocol::pcp) == 0;
  if (spoken) onEpoch(MapProtocol::pcp, reply.epoch);
  setKnown(MapProtocol::pcp, spoken);
  if (user_ != nullptr && spoken && news) user_->onGatewayRestarted();
  if (user_ == nullptr || !reply.map || reply.map->nonce != nonce_) return;
  MapAnswer answer{
      MapProtocol::pcp, {reply.map->transport, reply.map->internalPort}, false, reply.map->external, reply.lifetime};
  answer.granted = reply.result == nat::PcpResult::success;
  tell(answer);
}

void GatewayLink::onNatPmp(const nat::NatPmpReply& reply) {
  // A gateway of NAT-PMP alone says so when it is asked in PCP (RFC 6887, section 9).
  if (reply.result == nat::NatPmpResult::unsupportedVersion) return setKnown(MapProtocol::pcp, false);
  const bool news = !isUnknown(MapProtocol::natPmp) && epochs_.count(MapProtocol::natPmp) == 0;
  onEpoch(MapProtocol::natPmp, reply.epoch);
  if (reply.address) {
    const bool moved = natPmpAddress_ && natPmpAddress_ != reply.address;
    natPmpAddress_ = reply.address;
    skills_.externalAddress = reply.address;
    if (moved) user_->onGatewayRestarted();  // mappings are where the gateway is
    if (user_ == nullptr) return;
  }
  setKnown(MapProtocol::natPmp, reply.result != nat::NatPmpResult::unsupportedOpcode);
  if (user_ != nullptr && news) user_->onGatewayRestarted();
  if (user_ == nullptr || !reply.map) return;
  MapAnswer answer{MapProtocol::natPmp, {reply.map->transport, reply.map->internalPort}, false, {}, kRefusal};
  answer.granted = reply.result == nat::NatPmpResult::success;
  if (answer.granted) {
    if (!natPmpAddress_ && reply.map->lifetime.count() > 0) return;  // it was asked for too; the next answer has both
    answer.external = {natPmpAddress_.value_or(IpAddress{}), reply.map->externalPort};
    answer.lifetime = reply.map->lifetime;
  }
  tell(answer);
}

void GatewayLink::tell(const MapAnswer& answer) {
  if (user_ == nullptr) return;
  MapAnswer out = answer;
  if (out.granted && out.lifetime.count() > 0 && !isUsable(out.external)) {
    out.granted = false;
    out.lifetime = kRefusal;
  }
  user_->onMapAnswer(out);
}

void GatewayLink::request(MapProtocol protocol, const MapKey& key, const std::optional<nat::ExternalEndpoint>& wanted,
                          std::chrono::seconds lifetime) {
  const bool ends = lifetime.count() == 0;
  if (protocol == MapProtocol::upnpIgd) return requestByUpnp(key, wanted, lifetime);
  nat::ExternalEndpoint external = wanted.value_or(nat::ExternalEndpoint{{}, key.port});
  if (ends) external = {};
  if (protocol == MapProtocol::natPmp) {
    if (!ends) socket_->send(nat::encodeNatPmpAddress());
    return socket_->send(nat::encodeNatPmpMap({key.transport, key.port, external.port, lifetime}));
  }
  socket_->send(nat::encodePcpMap({nonce_, key.transport, key.port, external}, lifetime, ofAsio(gateway_.local)));
}

// ---- UPnP

void GatewayLink::requestByUpnp(const MapKey& key, const std::optional<nat::ExternalEndpoint>& wanted,
                                std::chrono::seconds lifetime) {
  UpnpMapping& mapping = upnpMappings_[key];
  if (mapping.busy) return;
  if (mapping.externalPort == 0) mapping.externalPort = wanted ? wanted->port : key.port;
  mapping.busy = true;
  if (lifetime.count() == 0) {
    return upnp_->remove(key.transport, mapping.externalPort, kUpnpCall,
                         [self = shared_from_this(), key](const UpnpGateway::Answer& answer) {
                           self->upnpMappings_.erase(key);
                           // Refused or not: there is nothing more that we could do.
                           if (answer.reached)
                             self->tell({MapProtocol::upnpIgd, key, true, {}, std::chrono::seconds{0}});
                         });
  }
  upnp_->add(key.transport, key.port, mapping.externalPort, mapping.permanent ? std::chrono::seconds{0} : lifetime,
             kUpnpCall, [self = shared_from_this(), key, lifetime](const UpnpGateway::Answer& answer) {
               self->onUpnpAdded(key, answer, lifetime);
             });
}

void GatewayLink::onUpnpAdded(const MapKey& key, const UpnpGateway::Answer& answer, std::chrono::seconds lifetime) {
  UpnpMapping& mapping = upnpMappings_[key];
  mapping.busy = false;
  if (user_ == nullptr) return;
  if (!answer.reached) {
    if (Clock::now() >= upnpSearchedAt_ + kUpnpSearchPause && !discovered_) searchUpnp(kUpnpCall);
    return;
  }
  if (answer.error == 0) {
    mapping.busy = true;
    return upnp_->externalAddress(kUpnpCall,
                                  [self = shared_from_this(), key, lifetime](const std::optional<IpAddress>& address) {
                                    self->onUpnpAddress(key, address, lifetime);
                                  });
  }
  if (answer.error == UpnpGateway::kOnlyPermanentLeases && !mapping.permanent) {
    mapping.permanent = true;
    return requestByUpnp(key, std::nullopt, lifetime);
  }
  if (answer.error == UpnpGateway::kConflict && mapping.conflicts < kMaxConflicts) {
    // Somebody else has the port. The next one depends on ours, so that we find our own again.
    ++mapping.conflicts;
    const std::uint32_t spread = key.port + mapping.conflicts * kConflictStep;
    mapping.externalPort = static_cast<std::uint16_t>(kFirstDynamicPort + spread % kDynamicPorts);
    return requestByUpnp(key, std::nullopt, lifetime);
  }
  upnpMappings_.erase(key);
  tell({MapProtocol::upnpIgd, key, false, {}, kRefusal});
}

void GatewayLink::onUpnpAddress(const MapKey& key, const std::optional<IpAddress>& address,
                                std::chrono::seconds lifetime) {
  UpnpMapping& mapping = upnpMappings_[key];
  mapping.busy = false;
  if (address) tell({MapProtocol::upnpIgd, key, true, {*address, mapping.externalPort}, lifetime});
}

}  // namespace chuantou::net
