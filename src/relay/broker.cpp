#include "relay/broker.hpp"

namespace chuantou::relay {

using namespace wire;

Broker::Broker(BrokerConfig config, RandomSource& random, NameBook names, TokenTable tokens)
    : config_(std::move(config)),
      random_(random),
      clients_(config_.maxClients),
      sessions_(random),
      waiting_(config_.maxWaitingChannels, config_.keyPatience, random),
      names_(std::move(names)),
      tokens_(std::move(tokens)) {}

void Broker::handleControlOpened(Now now, ControlId control, std::string address) {
  Control& c = controls_[static_cast<std::uint64_t>(control)];
  c.address = std::move(address);
  c.heardAt = now.at;
  c.registerBy = now.at + config_.registerTimeout;
}

void Broker::handleMessage(Now now, ControlId id, MessageToServer message) {
  const auto it = controls_.find(static_cast<std::uint64_t>(id));
  if (it == controls_.end() || it->second.closing) return;
  Control& control = it->second;
  control.heardAt = now.at;
  const bool open = std::holds_alternative<Register>(message) || std::holds_alternative<Heartbeat>(message);
  if (control.client.empty() && !open) {
    act(Send{id, ErrorMessage{Errc::protocol_error, "register first"}});
    return close(id, control);
  }
  std::visit([&](auto& m) { on(now, id, control, m); }, message);
}

void Broker::handleHeard(Now now, ControlId id) {
  const auto it = controls_.find(static_cast<std::uint64_t>(id));
  if (it != controls_.end()) it->second.heardAt = now.at;
}

void Broker::handleBadMessage(Now now, ControlId id, const Error& error) {
  const auto it = controls_.find(static_cast<std::uint64_t>(id));
  if (it == controls_.end() || it->second.closing) return;
  it->second.heardAt = now.at;
  act(Send{id, ErrorMessage{Errc::protocol_error, error.detail()}});
  // A registered client may be of a newer version and say one thing that we do not understand; a stranger may not.
  if (it->second.client.empty()) close(id, it->second);
}

void Broker::handleControlClosed(Now, ControlId id) {
  const auto it = controls_.find(static_cast<std::uint64_t>(id));
  if (it == controls_.end()) return;
  // Its TCP sessions go on: their data channels are connections of their own, and the client may come back. A UDP session
  // has nothing but the control channels to tell that its client has gone. (One that was replaced lost them then.)
  const ClientId client = it->second.client;
  const bool replaced = it->second.closing;
  controls_.erase(it);
  if (client.empty() || replaced) return;
  clients_.setOffline(client, id);
  removeSessionsOf(client, "the peer's control channel ended", Which::udpOnly);
}

void Broker::close(ControlId id, Control& control, bool silent) {
  if (control.closing) return;
  control.closing = true;
  if (!control.client.empty()) clients_.setOffline(control.client, id);
  act(CloseControl{id, silent});
}

void Broker::on(Now, ControlId id, Control& control, Unregister&) {
  if (ClientRecord* record = clients_.find(control.client)) record->left = true;
  removeSessionsOf(control.client, "the peer has left");
  close(id, control);
}

void Broker::on(Now, ControlId id, Control&, GetClientList&) {
  ClientList list;
  for (const ClientRecord* record : clients_.list()) {
    if (list.clients.size() == kMaxListedClients) break;
    list.clients.push_back(ClientInfo{record->id.str(), record->registeredAtMs, record->proved.key});
  }
  act(Send{id, std::move(list)});
}

void Broker::on(Now, ControlId id, Control&, Heartbeat& m) { act(Send{id, Heartbeat{m.timestamp}}); }

void Broker::on(Now, ControlId id, Control&, Unknown& m) {
  act(Send{id, ErrorMessage{Errc::unknown_type, "unknown type " + m.type}});
}

void Broker::handleTick(Now now) {
  std::vector<ControlId> silent;
  std::vector<ControlId> unregistered;
  for (const auto& [number, control] : controls_) {
    if (control.closing) continue;
    if (control.registerBy && *control.registerBy <= now.at) {
      unregistered.push_back(ControlId{number});
    } else if (control.heardAt + config_.heartbeatTimeout <= now.at) {
      silent.push_back(ControlId{number});
    }
  }
  stats_.late += unregistered.size();
  for (const ControlId id : unregistered) close(id, controls_[static_cast<std::uint64_t>(id)]);
  for (const ControlId id : silent) {
    Control& control = controls_[static_cast<std::uint64_t>(id)];
    act(Send{id, ErrorMessage{Errc::timed_out, "nothing heard for too long"}});
    const ClientId client = control.client;
    close(id, control, true);
    if (client.empty()) continue;
    // A machine that sleeps comes back to its data channels, whose ends its kernel has kept.
    removeSessionsOf(client, "the peer fell silent", Which::udpOnly);
    clients_.find(client)->sessionsEndAt = now.at + config_.returnTimeout;
    silent_.emplace_back(now.at + config_.returnTimeout, client);
  }
  endSilent(now);
  for (const std::string& token : tokens_.takeExpired(now.unixMs)) endClientsOf(token, "the token has expired");
  for (const ChannelId channel : refused_) act(DropChannel{channel});
  refused_.clear();
  while (const auto channel = waiting_.takeExpired(now.at)) {
    ++stats_.late;
    act(DropChannel{*channel});
  }
  while (!pairing_.empty() && pairing_.front().first <= now.at) {
    Session* session = sessions_.find(pairing_.front().second);
    pairing_.pop_front();
    if (!session || session->joined) continue;
    const SessionClosed closed{{SessionRef{session->id, {}, {}}}, "the two sides did not come together in time"};
    tellOther(*session, Side::initiator, closed);
    tellOther(*session, Side::target, closed);
    removeSession(*session);
  }
}

void Broker::endSilent(Now now) {
  while (!silent_.empty() && silent_.front().first <= now.at) {
    const auto [end, client] = silent_.front();
    silent_.pop_front();
    const ClientRecord* record = clients_.find(client);
    if (record && record->sessionsEndAt == end) removeSessionsOf(client, "the peer fell silent");
  }
}

bool Broker::handleKick(const ClientId& id) {
  ClientRecord* record = clients_.find(id);
  if (!record || !record->control) return false;
  const ControlId control = *record->control;
  record->left = true;
  removeSessionsOf(id, "the peer was removed by the operator");
  act(Send{control, ErrorMessage{Errc::kicked, "removed by the operator"}});
  close(control, controls_[static_cast<std::uint64_t>(control)]);
  return true;
}

std::optional<Action> Broker::pollAction() {
  if (actions_.empty()) return std::nullopt;
  Action action = std::move(actions_.front());
  actions_.pop_front();
  return action;
}

std::optional<ChannelId> Broker::pollProved() {
  if (proved_.empty()) return std::nullopt;
  const ChannelId channel = proved_.front();
  proved_.pop_front();
  return channel;
}

}  // namespace chuantou::relay
