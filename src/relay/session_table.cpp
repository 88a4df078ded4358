#include "relay/session_table.hpp"

#include "wire/udp_packet.hpp"

namespace chuantou::relay {

Session* SessionTable::add(const ClientId& from, const ClientId& to, const DataKey& initiatorKey, std::uint16_t port,
                           wire::Transport transport, TimePoint now) {
  if (keys_.count(initiatorKey) != 0) return nullptr;
  const SessionId id{++last_};
  Session& session = sessions_[last_];
  session.id = id;
  session.client = {from, to};
  session.key = {initiatorKey, DataKey::random(random_)};
  session.port = port;
  session.transport = transport;
  session.createdAt = now;
  if (transport == wire::Transport::udp) {
    // A datagram proves its key to the UDP relay; no data channel will use it.
    session.udp = freeUdpNumber();
    udp_.emplace(static_cast<std::uint32_t>(*session.udp), id);
  } else {
    keys_.emplace(session.key[0], KeyUse{id, Side::initiator});
    keys_.emplace(session.key[1], KeyUse{id, Side::target});
  }
  return &session;
}

UdpSession SessionTable::freeUdpNumber() {
  for (;;) {  // 2^28 pairs, far fewer sessions
    const auto number = wire::kUdpSessionBase | (static_cast<std::uint32_t>(random_.next()) & wire::kUdpSessionMask & ~1u);
    if (UdpSession{number} != wire::kUdpControl && udp_.count(number) == 0) return UdpSession{number};
  }
}

Session* SessionTable::find(SessionId id) {
  const auto it = sessions_.find(static_cast<std::uint64_t>(id));
  return it == sessions_.end() ? nullptr : &it->second;
}

std::optional<SessionTable::Place> SessionTable::takeKey(const DataKey& key) {
  const auto it = keys_.find(key);
  if (it == keys_.end()) return std::nullopt;
  const KeyUse use = it->second;
  keys_.erase(it);
  return Place{find(use.session), use.side};
}

void SessionTable::remove(SessionId id) {
  const auto it = sessions_.find(static_cast<std::uint64_t>(id));
  if (it == sessions_.end()) return;
  for (const DataKey& key : it->second.key) {
    const auto use = keys_.find(key);
    if (use != keys_.end() && use->second.session == id) keys_.erase(use);
  }
  if (it->second.udp) udp_.erase(static_cast<std::uint32_t>(*it->second.udp));
  sessions_.erase(it);
}

}  // namespace chuantou::relay
