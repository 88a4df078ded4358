#include "relay/broker.hpp"

#include <fmt/format.h>

#include "base/error_text.hpp"
#include "base/hex.hpp"
#include "chuantou/version.hpp"

namespace chuantou::relay {

using namespace wire;

namespace {
std::int64_t inMs(Duration d) { return std::chrono::duration_cast<Millis>(d).count(); }
}  // namespace

Broker::Broker(BrokerConfig config, RandomSource& random)
    : config_(std::move(config)),
      random_(random),
      clients_(config_.maxClients),
      sessions_(random),
      waiting_(config_.maxWaitingChannels, config_.keyPatience, random) {}

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

void Broker::close(ControlId id, Control& control) {
  if (control.closing) return;
  control.closing = true;
  if (!control.client.empty()) clients_.setOffline(control.client, id);
  act(CloseControl{id});
}

void Broker::refuse(ControlId id, Control& control, Errc code, std::string why) {
  RegisterResponse response;
  response.code = code;
  response.error = std::move(why);
  response.version = kProtocolVersion;
  act(Send{id, std::move(response)});
  close(id, control);
}

void Broker::handleRegisterRefused(Now now, ControlId id, std::string why) {
  const auto it = controls_.find(static_cast<std::uint64_t>(id));
  if (it == controls_.end() || it->second.closing) return;
  it->second.heardAt = now.at;
  refuse(id, it->second, Errc::limit_reached, std::move(why));
}

bool Broker::proveToken(ControlId id, Control& control, const Register& m) {
  if (!config_.checkProof) return true;
  if (control.challenged && !m.proof.empty()) {
    control.challenged = false;  // one try a challenge
    if (config_.checkProof(control.challenge, m.clientId, m.proof)) return true;
    ++stats_.authFailures;
    refuse(id, control, Errc::auth_failed, "the token is wrong");
    return false;
  }
  if (control.challenged) {
    ++stats_.authFailures;
    refuse(id, control, Errc::auth_required, "this server wants a token");
    return false;
  }
  random_.fill(control.challenge);
  control.challenged = true;
  RegisterResponse response;
  response.code = Errc::auth_required;
  response.error = "this server wants a token";
  response.challenge = toHex(control.challenge);
  act(Send{id, std::move(response)});
  return false;
}

void Broker::on(Now now, ControlId id, Control& control, Register& m) {
  if (!control.client.empty()) {
    act(Send{id, ErrorMessage{Errc::protocol_error, "this connection is registered already"}});
    return;
  }
  if (m.version != kProtocolVersion) {
    return refuse(id, control, Errc::version_mismatch,
                  fmt::format("the server speaks version {}, the client {}", kProtocolVersion, m.version));
  }
  const auto name = m.clientId.empty() ? std::optional{ClientId::random(random_)} : ClientId::parse(m.clientId);
  if (!name) return refuse(id, control, Errc::invalid_argument, "a client id is 1 to 64 of A-Z a-z 0-9 . _ -");
  if (!proveToken(id, control, m)) return;

  const auto registered = clients_.add(*name, id, control.address, now);
  if (registered.full) {
    ++stats_.refusedClients;
    return refuse(id, control, Errc::limit_reached, "the server has all the clients that it takes");
  }
  if (registered.replaced) {
    const auto old = controls_.find(static_cast<std::uint64_t>(*registered.replaced));
    if (old != controls_.end()) {
      act(Send{*registered.replaced, ErrorMessage{Errc::kicked, "another connection registered the id " + name->str()}});
      old->second.closing = true;
      act(CloseControl{*registered.replaced});
    }
  }
  control.client = *name;
  control.registerBy.reset();
  ++stats_.registrations;
  RegisterResponse response;
  response.success = true;
  response.assignedId = name->str();
  response.existingKicked = registered.replaced.has_value();
  response.version = kProtocolVersion;
  response.heartbeatIntervalMs = inMs(config_.heartbeatInterval);
  response.heartbeatTimeoutMs = inMs(config_.heartbeatTimeout);
  act(Send{id, std::move(response)});
  if (registered.replaced) removeSessionsOf(*name, "the peer registered again", Which::udpOnly);
}

void Broker::on(Now, ControlId id, Control& control, Unregister&) {
  removeSessionsOf(control.client, "the peer has left");
  close(id, control);
}

void Broker::on(Now, ControlId id, Control&, GetClientList&) {
  ClientList list;
  for (const ClientRecord* record : clients_.list()) {
    if (list.clients.size() == kMaxListedClients) break;
    list.clients.push_back(ClientInfo{record->id.str(), record->registeredAtMs, {}});
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
    close(id, control);
    if (!client.empty()) removeSessionsOf(client, "the peer fell silent");
  }
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

bool Broker::handleKick(const ClientId& id) {
  ClientRecord* record = clients_.find(id);
  if (!record || !record->control) return false;
  const ControlId control = *record->control;
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
