#include "nat/detection.hpp"

#include <algorithm>

namespace chuantou::nat {

namespace {

constexpr std::size_t kMappingSocket = 0;
constexpr std::size_t kFilterSocket = 1;
constexpr std::size_t kFilters = 2;
constexpr std::size_t kPortSocket = 3;
constexpr std::size_t kPortSockets = 5;
constexpr std::size_t kFarSocket = 6;
constexpr std::size_t kNearSocket = 7;
static_assert(kPortSocket + kPortSockets == NatDetection::kSockets);

/// A server that has said nothing for so long while another answered is taken for dead; longer, while what it could say
/// is still needed.
constexpr Millis kPatience{700};
constexpr Millis kLongPatience{1'800};
/// Above what the tests send together, so that nothing that a server does makes more of it.
constexpr std::size_t kMaxProbes = 600;

bool isUsable(const UdpAddress& address) {
  const AddressKind kind = kindOf(address.ip);
  return address.port != 0 && (!isForbidden(kind) || kind == AddressKind::linkLocal);
}

}  // namespace

void NatDetection::addServer(TimePoint now, const UdpAddress& address) {
  const bool known = std::any_of(servers_.begin(), servers_.end(), [&](const Server& s) { return s.address == address; });
  const bool otherFamily = !servers_.empty() && servers_.front().address.ip.isV6() != address.ip.isV6();
  if (done_ || known || otherFamily || servers_.size() >= kMaxServers || !isUsable(address)) return;
  Server server;
  server.address = address;
  server.inside = isInside(address.ip) || isCarrier(address.ip);
  server.query = addQuery(now, kMappingSocket, address);
  servers_.push_back(server);
  advance(now);
}

void NatDetection::noMoreServers(TimePoint now) {
  noMore_ = true;
  advance(now);
}

/// The socket asks every address once.
std::size_t NatDetection::addQuery(TimePoint now, std::size_t socket, const UdpAddress& to, std::optional<Pace> pace) {
  for (std::size_t i = 0; i < queries_.size(); ++i) {
    if (queries_[i].socket() == socket && queries_[i].to() == to) return i;
  }
  queries_.emplace_back(socket, to, pace, now);
  return queries_.size() - 1;
}

// --- what comes in

void NatDetection::handleAnswer(TimePoint now, const ProbeAnswer& answer) {
  if (done_ || answer.id >= sent_.size()) return;
  const Sent sent = sent_[answer.id];
  if (sent.owner == Owner::query) handleQueryAnswer(now, answer, sent);
  if (sent.owner == Owner::filter && answer.socket == kFilterSocket + sent.index) {
    filters_[sent.index].handleAnswer(now, sent.slot, answer.from);
  }
  advance(now);
}

void NatDetection::handleQueryAnswer(TimePoint now, const ProbeAnswer& answer, const Sent& sent) {
  Query& query = queries_[sent.index];
  const bool sameFamily = answer.mapped.ip.isV6() == query.to().ip.isV6();
  if (query.hasAnswer() || answer.socket != query.socket() || answer.from != query.to() || !sameFamily) return;
  if (answer.mapped.port == 0 || (isForbidden(kindOf(answer.mapped.ip)) && answer.mapped.ip != answer.local.ip)) return;
  query.answered(now, sent.at);
  sightings_.push_back({answer.socket, answer.local, answer.from, answer.mapped});
  if (!pace_) pace_ = Pace{query.rtt()};
  for (Server& server : servers_) {
    if (answer.socket == kMappingSocket && server.address == answer.from) handleServerAnswer(now, server, answer);
  }
  startHairpin(now);
}

void NatDetection::handleServerAnswer(TimePoint now, Server& server, const ProbeAnswer& answer) {
  if (answer.other && mayAsk(*answer.other, server)) server.other = answer.other;
  if (!eligible(server)) return;
  if (!base_) startFromBase(now, server.address);
  startDiscovery(now, server);
}

/// A server may name any address: only such as it could be itself are believed.
bool NatDetection::mayAsk(const UdpAddress& address, const Server& namedBy) const {
  const bool inside = isInside(address.ip) || isCarrier(address.ip);
  return isUsable(address) && address != namedBy.address && address.ip.isV6() == namedBy.address.ip.isV6() &&
         inside == namedBy.inside;
}

void NatDetection::startFromBase(TimePoint now, const UdpAddress& server) {
  base_ = server;
  for (std::size_t i = 0; i < kPortSockets; ++i) addQuery(now, kPortSocket + i, server, pace_);
  startHops(now);
}

void NatDetection::startDiscovery(TimePoint now, Server& server) {
  if (!server.other || filters_.size() >= kFilters) return;
  const Pace pace{queries_[server.query].rtt()};
  filters_.emplace_back(kFilterSocket + filters_.size(), server.address, *server.other, pace, now);
  for (const UdpAddress& to : {UdpAddress{server.other->ip, server.address.port}, *server.other,
                               UdpAddress{server.address.ip, server.other->port}}) {
    addQuery(now, kMappingSocket, to, pace);
  }
}

void NatDetection::startHairpin(TimePoint now) {
  if (hairpin_ || !base_) return;
  const auto endOf = [&](std::size_t socket) -> const Sighting* {
    const auto it = std::find_if(sightings_.begin(), sightings_.end(), [&](const Sighting& s) { return s.socket == socket; });
    return it == sightings_.end() ? nullptr : &*it;
  };
  const Sighting* a = endOf(kPortSocket);
  const Sighting* b = endOf(kPortSocket + 1);
  if (a == nullptr || b == nullptr) return;
  // A server that lies must not make us send into this side's network.
  for (const Sighting* end : {a, b}) {
    if (isInside(end->mapped.ip) && !isInside(end->server.ip) && end->mapped.ip != end->local.ip) return;
  }
  hairpin_.emplace(HairpinTest::End{a->socket, a->mapped}, HairpinTest::End{b->socket, b->mapped}, *pace_, now);
}

void NatDetection::startHops(TimePoint now) {
  if (!options_.hops || sightings_.empty()) return;
  const Sighting& seen = sightings_.back();
  if (seen.mapped.ip == seen.local.ip || isInside(seen.mapped.ip)) return;
  hops_.emplace(seen.mapped.ip, *base_, kNearSocket, kFarSocket, now);
}

void NatDetection::handleErrorResponse(TimePoint now, std::uint32_t id) {
  if (done_ || id >= sent_.size()) return;
  const Sent& sent = sent_[id];
  if (sent.owner == Owner::filter) filters_[sent.index].handleRefusal(sent.slot);
  advance(now);
}

void NatDetection::handleArrival(TimePoint now, std::uint32_t id, std::size_t socket) {
  if (done_ || id >= sent_.size()) return;
  if (sent_[id].owner == Owner::hairpin) hairpin_->handleArrival(socket);
  advance(now);
}

void NatDetection::handleError(TimePoint now, const ProbeError& error) {
  if (done_) return;
  if (hops_) hops_->handleError(error);
  for (Query& query : queries_) {
    if (error.kind == ProbeError::Kind::unreachable && query.socket() == error.socket && query.to() == error.to) query.refused();
  }
  advance(now);
}

// --- what goes out

void NatDetection::advance(TimePoint now) {
  if (done_) return;
  // An inside server says nothing about the way out, unless there is nobody else to ask.
  if (!base_ && outsideIsHopeless()) {
    for (Server& server : servers_) {
      const Query& query = queries_[server.query];
      if (!query.hasAnswer()) continue;
      if (!base_) startFromBase(now, server.address);
      startDiscovery(now, server);
    }
  }
  const Duration patience = this->patience();
  for (Query& query : queries_) {
    if (!query.paced() && now >= query.began() + patience) query.giveUp();
  }
  if (now >= end_ || complete()) {
    done_ = true;
    return;
  }
  Drafts drafts;
  const auto collect = [&](Owner owner, std::size_t index) {
    for (Draft& draft : drafts) {
      if (sent_.size() >= kMaxProbes) break;
      draft.probe.id = static_cast<std::uint32_t>(sent_.size());
      sent_.push_back({owner, static_cast<std::uint8_t>(index), draft.slot, now});
      outgoing_.push_back(draft.probe);
    }
    drafts.clear();
  };
  for (std::size_t i = 0; i < queries_.size(); ++i) {
    queries_[i].advance(now, drafts);
    collect(Owner::query, i);
  }
  for (std::size_t i = 0; i < filters_.size(); ++i) {
    filters_[i].advance(now, drafts);
    collect(Owner::filter, i);
  }
  if (hairpin_) hairpin_->advance(now, drafts);
  collect(Owner::hairpin, 0);
  if (hops_) hops_->advance(now, drafts);
  collect(Owner::hop, 0);
  if (complete()) done_ = true;
}

std::optional<Probe> NatDetection::pollSend() {
  if (done_ || nextOut_ == outgoing_.size()) {
    outgoing_.clear();
    nextOut_ = 0;
    return std::nullopt;
  }
  return outgoing_[nextOut_++];
}

TimePoint NatDetection::pollTimeout() const {
  if (done_) return kNever;
  TimePoint due = end_;
  const Duration patience = this->patience();
  for (const Query& query : queries_) {
    due = std::min(due, query.due());
    if (!query.paced() && !query.closed()) due = std::min(due, query.began() + patience);
  }
  for (const FilterTest& filter : filters_) due = std::min(due, filter.due());
  if (hairpin_) due = std::min(due, hairpin_->due());
  if (hops_) due = std::min(due, hops_->due());
  return due;
}

/// How long a server is given.
Duration NatDetection::patience() const {
  if (!pace_) return options_.budget;
  const Judged known = mapping();
  return known.certain ? kPatience : kLongPatience;
}

bool NatDetection::eligible(const Server& server) const { return !server.inside || outsideIsHopeless(); }

/// No server outside this network answers any more, if there is one.
bool NatDetection::outsideIsHopeless() const {
  return noMore_ && std::all_of(servers_.begin(), servers_.end(), [&](const Server& server) {
    const Query& query = queries_[server.query];
    return server.inside || (query.closed() && !query.hasAnswer());
  });
}

bool NatDetection::complete() const {
  if (servers_.empty()) return noMore_;
  if (!pace_) {
    // Nothing came. What was refused will stay so; everything else may be late.
    return noMore_ && std::all_of(queries_.begin(), queries_.end(), [](const Query& q) { return q.closed(); });
  }
  const bool settled = std::all_of(queries_.begin(), queries_.end(), [](const Query& q) { return q.closed(); }) &&
                       std::all_of(filters_.begin(), filters_.end(), [](const FilterTest& f) { return f.settled(); }) &&
                       (!hairpin_ || hairpin_->settled()) && (!hops_ || hops_->settled());
  const bool known = mapping().certain && filtering().certain;  // names that are still being resolved can add nothing
  return settled && (noMore_ || known);
}

}  // namespace chuantou::nat
