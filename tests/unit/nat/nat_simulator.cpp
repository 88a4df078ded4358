#include "nat/nat_simulator.hpp"

#include <algorithm>

namespace chuantou::nat::test {

UdpAddress at(const char* text) {
  const auto parsed = parseHostPort(text);
  return {*IpAddress::parse(parsed->host), parsed->port};
}
IpAddress ip(const char* text) { return *IpAddress::parse(text); }

// --- a NAT

bool SimNat::owns(const IpAddress& address) const {
  return model_.mapping != NatBehavior::none && std::find(model_.pool.begin(), model_.pool.end(), address) != model_.pool.end();
}

bool SimNat::isTaken(const UdpAddress& outside) const {
  return std::any_of(mappings_.begin(), mappings_.end(), [&](const auto& entry) { return entry.second.outside == outside; });
}

UdpAddress SimNat::freeAddress(const UdpAddress& from) {
  UdpAddress out{model_.pool[random_.below(model_.pool.size())], from.port};
  do {
    if (model_.ports == PortAllocation::sequential) {
      out.port = static_cast<std::uint16_t>(counter_);
      counter_ += model_.step;
    } else if (model_.ports == PortAllocation::random || isTaken(out)) {
      out.port = static_cast<std::uint16_t>(1024 + random_.below(64'512));
    }
  } while (isTaken(out));
  return out;
}

std::optional<UdpAddress> SimNat::outbound(const UdpAddress& from, const UdpAddress& to, TimePoint now) {
  if (model_.blocked) return std::nullopt;
  UdpAddress depends = to;
  if (model_.mapping == NatBehavior::address_dependent) depends.port = 0;
  if (model_.mapping == NatBehavior::endpoint_independent || model_.mapping == NatBehavior::none) depends = {};
  auto it = mappings_.find({from, depends});
  if (it != mappings_.end() && now - it->second.used > model_.lifetime) {
    mappings_.erase(it);
    it = mappings_.end();
  }
  if (it == mappings_.end()) {
    const UdpAddress outside = model_.mapping == NatBehavior::none ? from : freeAddress(from);
    it = mappings_.emplace(std::pair{from, depends}, Mapping{from, outside, {}, now}).first;
  }
  it->second.sentTo.insert(to);
  it->second.used = now;
  return it->second.outside;
}

std::optional<UdpAddress> SimNat::inbound(const UdpAddress& from, const UdpAddress& to, TimePoint now) {
  for (auto& [key, mapping] : mappings_) {
    if (mapping.outside != to || now - mapping.used > model_.lifetime) continue;
    const auto& sentTo = mapping.sentTo;
    const bool address = std::any_of(sentTo.begin(), sentTo.end(), [&](const UdpAddress& a) { return a.ip == from.ip; });
    if (model_.filtering == NatBehavior::address_dependent && !address) return std::nullopt;
    if (model_.filtering == NatBehavior::address_and_port_dependent && sentTo.count(from) == 0) return std::nullopt;
    return mapping.inside;
  }
  // A firewall that lets in everybody needs nothing to be sent first.
  if (model_.mapping == NatBehavior::none && model_.filtering == NatBehavior::endpoint_independent) return to;
  return std::nullopt;
}

// --- the network

SimNetwork::SimNetwork(const NetworkModel& model, std::uint64_t seed) : model_(model), random_(seed) {
  for (const NatModel& nat : model_.nats) nats_.emplace_back(nat, random_);
  std::set<int> ports;
  while (ports.size() < kSockets) ports.insert(static_cast<int>(32'768 + random_.below(28'000)));
  localPorts_.assign(ports.begin(), ports.end());
  for (std::size_t i = localPorts_.size() - 1; i > 0; --i) std::swap(localPorts_[i], localPorts_[random_.below(i + 1)]);
}

void SimNetwork::later(Duration after, std::function<void()> what) { events_[{now_ + after, order_++}] = std::move(what); }

Duration SimNetwork::wayTime() {
  const auto jitter = static_cast<std::size_t>(model_.jitter.count());
  return model_.delay + (jitter == 0 ? Duration{0} : Duration{static_cast<Duration::rep>(random_.below(jitter))});
}

void SimNetwork::step(TimePoint until) {
  if (events_.empty() || events_.begin()->first.first > until) {
    now_ = until;
    return;
  }
  auto node = events_.extract(events_.begin());
  now_ = node.key().first;
  node.mapped()();
}

void SimNetwork::send(const Probe& probe) {
  sentTo.insert(probe.to);
  UdpAddress source = local(probe.socket);
  if (probe.to.ip == model_.host) return inwards(0, source, probe.to, {0, source, probe, true, false, {}, {}});
  if (lost()) return;
  int hops = probe.ttl == 0 ? 64 : probe.ttl;
  for (std::size_t level = 0; level < nats_.size(); ++level) {
    SimNat& nat = nats_[level];
    const bool own = nat.owns(probe.to.ip);
    if (!own && --hops == 0) {
      if (nat.model().icmp) icmp(probe, ProbeError::Kind::hopsUsedUp, nat.model().inside);
      return;
    }
    if (own && !nat.model().hairpin) return;
    const auto outside = nat.outbound(source, probe.to, now_);
    if (!outside) return;
    source = *outside;
    if (own) return inwards(level + 1, source, probe.to, {0, source, probe, true, false, {}, {}});
  }
  if (--hops == 0) return icmp(probe, ProbeError::Kind::hopsUsedUp, ip("192.0.2.1"));
  later(wayTime(), [this, probe, source] { reachServer(probe, source); });
}

void SimNetwork::icmp(const Probe& probe, ProbeError::Kind kind, const IpAddress& from) {
  if (lost()) return;
  later(Millis{1}, [this, probe, kind, from] { onError({kind, probe.socket, probe.to, from}); });
}

void SimNetwork::reachServer(const Probe& probe, const UdpAddress& source) {
  for (const ServerModel& server : model_.servers) {
    const UdpAddress& a = server.primary;
    const UdpAddress b = server.other.value_or(a);
    const bool mine = (probe.to.ip == a.ip || probe.to.ip == b.ip) && (probe.to.port == a.port || probe.to.port == b.port);
    if (!mine) continue;
    if (server.unreachable) return icmp(probe, ProbeError::Kind::unreachable, probe.to.ip);
    if (server.dead || (server.otherDead && probe.to != a)) return;
    const UdpAddress across{probe.to.ip == a.ip ? b.ip : a.ip, probe.to.port == a.port ? b.port : a.port};
    Heard heard{probe.socket, probe.to, probe, false, false, server.claims.value_or(source), {}};
    if (server.other) heard.other = server.namedOther.value_or(across);
    if (probe.changeAddress || probe.changePort) {
      if (server.change == ServerModel::Change::unanswered || (server.otherDead && probe.changeAddress)) return;
      if (server.change == ServerModel::Change::refused) heard.isError = true;
      if (server.change == ServerModel::Change::answered) {
        if (probe.changeAddress) heard.from.ip = across.ip;
        if (probe.changePort) heard.from.port = across.port;
      }
    }
    UdpAddress to = source;
    if (probe.responsePort != 0) {
      if (server.responsePort == ServerModel::ResponsePort::unanswered) return;
      if (server.responsePort == ServerModel::ResponsePort::refused) heard.isError = true;
      if (server.responsePort == ServerModel::ResponsePort::answered) to.port = probe.responsePort;
    }
    if (lost()) return;
    later(wayTime() + server.extraDelay, [this, heard, to] { inwards(nats_.size(), heard.from, to, heard); });
    return;
  }
}

void SimNetwork::inwards(std::size_t level, const UdpAddress& from, UdpAddress to, Heard heard) {
  for (std::size_t i = level; i > 0; --i) {
    const auto inside = nats_[i - 1].inbound(from, to, now_);
    if (!inside) return;
    to = *inside;
  }
  for (std::size_t socket = 0; socket < localPorts_.size(); ++socket) {
    if (local(socket) != to) continue;
    heard.socket = socket;
    heard.from = from;
    later(Duration{1}, [this, heard] { onHeard(heard); });
  }
}

SimRun simulate(const NetworkModel& model, std::uint64_t seed) {
  SimNetwork network{model, seed};
  NatDetection detection{network.now(), {model.budget, model.hops}};
  SimRun run;
  network.onHeard = [&](const SimNetwork::Heard& heard) {
    if (heard.isRequest) return detection.handleArrival(network.now(), heard.probe.id, heard.socket);
    if (heard.isError) return detection.handleErrorResponse(network.now(), heard.probe.id);
    detection.handleAnswer(network.now(), {heard.probe.id, heard.socket, heard.from, *heard.mapped, network.local(heard.socket), heard.other});
  };
  network.onError = [&](const ProbeError& error) { detection.handleError(network.now(), error); };
  bool resolved = false;
  while (!detection.done()) {
    if (!resolved && network.now() >= TimePoint{} + model.resolving) {
      resolved = true;
      for (const ServerModel& server : model.servers) detection.addServer(network.now(), server.primary);
      detection.noMoreServers(network.now());
    }
    while (const auto probe = detection.pollSend()) {
      network.send(*probe);
      ++run.probes;
    }
    if (detection.done()) break;
    network.step(resolved ? detection.pollTimeout() : TimePoint{} + model.resolving);
    detection.handleTimeout(network.now());
  }
  run.elapsed = network.now() - TimePoint{};
  run.findings = detection.findings();
  run.sentTo = network.sentTo;
  return run;
}

}  // namespace chuantou::nat::test
