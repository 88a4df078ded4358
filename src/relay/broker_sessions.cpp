// The broker's sessions: from a request to a pair of data channels, and their end.
#include "base/error_text.hpp"
#include "relay/broker.hpp"
#include "wire/udp_packet.hpp"

namespace chuantou::relay {

using namespace wire;

namespace {

/// For the target's data channel; sessions of UDP have none.
bool waitsForTarget(const Session& session) {
  return session.transport == Transport::tcp && !session.joined && !session.channel[static_cast<std::size_t>(Side::target)];
}

}  // namespace

void Broker::rejectAll(ControlId to, const std::vector<DataKey>& keys, Errc code, const std::string& reason) {
  RejectSession reject;
  reject.code = code;
  reject.reason = reason;
  for (const DataKey& key : keys) {
    reject.sessions.push_back(SessionRef{{}, key, {}});
    if (const auto channel = waiting_.take(key)) dropSoon(*channel);
  }
  act(Send{to, std::move(reject)});
}

void Broker::on(Now now, ControlId id, Control& control, ConnectRequest& m) {
  const auto name = ClientId::parse(m.toClientId);
  ClientRecord* target = name ? clients_.find(*name) : nullptr;
  if (!target) return rejectAll(id, m.keys, Errc::unknown_peer, "");
  if (!target->control) return rejectAll(id, m.keys, Errc::peer_offline, std::string{target->left ? kPeerHasLeft : ""});
  ClientRecord* own = clients_.find(control.client);
  if (!own) return;

  IncomingRequest incoming = requestOf(*own, *target);
  incoming.remotePort = m.remotePort;
  incoming.remoteHost = m.remoteHost;
  incoming.transport = m.transport;
  incoming.plain = m.plain;
  CreateSession created;
  created.peerClientId = name->str();
  created.remotePort = m.remotePort;
  created.relayPort = relayPort;
  created.transport = m.transport;
  created.peerKey = PeerKey{target->proved.key, target->proved.temporaryKey};
  std::vector<DataKey> tooMany;
  std::vector<DataKey> doubled;
  std::vector<SessionId> made;

  for (const DataKey& key : m.keys) {
    if (own->sessions >= config_.maxSessionsPerClient || target->sessions >= config_.maxSessionsPerClient) {
      tooMany.push_back(key);
      continue;
    }
    Session* session = sessions_.add(control.client, *name, key, m.remotePort, m.transport, now.at);
    if (!session) {
      doubled.push_back(key);
      continue;
    }
    session->host = m.remoteHost;
    session->plain = m.plain;
    ++own->sessions;
    ++target->sessions;
    if (!session->udp) ++target->awaited;
    ++stats_.sessions;
    pairing_.emplace_back(now.at + config_.pairingTimeout, session->id);
    made.push_back(session->id);
    SessionRef forTarget{session->id, session->keyOf(Side::target), {}};
    SessionRef forInitiator{session->id, key, {}};
    if (session->udp) {
      forInitiator.udp = session->udp;
      forTarget.udp = peerOf(*session->udp);
      act(AddUdp{*session->udp, key, session->keyOf(Side::target)});
    }
    incoming.sessions.push_back(forTarget);
    created.sessions.push_back(forInitiator);
  }
  if (!made.empty()) {
    act(Send{*target->control, std::move(incoming)});
    act(Send{id, std::move(created)});
  }
  stats_.refusedSessions += tooMany.size();
  if (!tooMany.empty()) rejectAll(id, tooMany, Errc::limit_reached, "too many sessions");
  if (!doubled.empty()) rejectAll(id, doubled, Errc::protocol_error, "a key was used twice");

  if (m.transport == Transport::udp) return;
  // The initiator's data channels may have been faster than this request.
  for (const SessionId sessionId : made) {
    Session* session = sessions_.find(sessionId);
    const auto channel = waiting_.take(session->keyOf(Side::initiator));
    if (!channel) continue;
    sessions_.takeKey(session->keyOf(Side::initiator));
    placeChannel(*session, Side::initiator, *channel);
  }
}

IncomingRequest Broker::requestOf(const ClientRecord& initiator, const ClientRecord& target) const {
  IncomingRequest incoming;
  incoming.fromClientId = initiator.id.str();
  incoming.fromKey = PeerKey{initiator.proved.key, initiator.proved.temporaryKey};
  incoming.sameGroup = initiator.proved.group == target.proved.group;
  return incoming;
}

void Broker::tellAgain(const ClientRecord& target) {
  if (target.awaited == 0) return;
  for (const auto& waiting : pairing_) {
    const Session* session = sessions_.find(waiting.second);
    if (!session || !waitsForTarget(*session) || session->clientOf(Side::target) != target.id) continue;
    const ClientRecord* initiator = clients_.find(session->clientOf(Side::initiator));
    if (!initiator) continue;
    IncomingRequest incoming = requestOf(*initiator, target);
    incoming.remotePort = session->port;
    incoming.remoteHost = session->host;
    incoming.transport = session->transport;
    incoming.plain = session->plain;
    incoming.sessions.push_back(SessionRef{session->id, session->keyOf(Side::target), {}});
    act(Send{*target.control, std::move(incoming)});
  }
}

void Broker::handleDataChannel(Now now, ChannelId channel, const DataKey& key) {
  if (const auto place = sessions_.takeKey(key)) return placeChannel(*place->session, place->side, channel);
  if (const auto evicted = waiting_.add(key, channel, now.at)) act(DropChannel{*evicted});
}

void Broker::noLongerAwaited(const Session& session) {
  if (ClientRecord* target = clients_.find(session.clientOf(Side::target))) --target->awaited;
}

void Broker::placeChannel(Session& session, Side side, ChannelId channel) {
  session.channel[static_cast<std::size_t>(side)] = channel;
  if (side == Side::target) noLongerAwaited(session);
  proved_.push_back(channel);
  if (!session.channel[0] || !session.channel[1]) return;
  session.joined = true;
  act(Pair{session.id, *session.channel[0], *session.channel[1]});
}

void Broker::handleSessionEnded(SessionId id) {
  if (Session* session = sessions_.find(id)) {
    session->channel = {};
    removeSession(*session);
  }
}

Session* Broker::sessionOf(const Control& control, const SessionRef& ref, Side* side) {
  Session* session = ref.id ? sessions_.find(*ref.id) : nullptr;
  if (!session) return nullptr;
  // A client may be both sides of a session (a proxy to itself); what it says is then the target's word.
  if (session->clientOf(Side::target) == control.client) {
    *side = Side::target;
  } else if (session->clientOf(Side::initiator) == control.client) {
    *side = Side::initiator;
  } else {
    return nullptr;
  }
  return session;
}

void Broker::tellOther(const Session& session, Side from, MessageToClient message) {
  const ClientRecord* record = clients_.find(session.clientOf(other(from)));
  if (record && record->control) act(Send{*record->control, std::move(message)});
}

void Broker::on(Now, ControlId, Control& control, AcceptSession& m) {
  for (const SessionRef& ref : m.sessions) {
    Side side{};
    Session* session = sessionOf(control, ref, &side);
    if (!session || side != Side::target || session->transport != Transport::udp) continue;
    session->joined = true;
    tellOther(*session, side, AcceptSession{{SessionRef{session->id, {}, {}}}});
  }
}

void Broker::on(Now, ControlId, Control& control, RejectSession& m) {
  for (const SessionRef& ref : m.sessions) {
    Side side{};
    Session* session = sessionOf(control, ref, &side);
    if (!session || side != Side::target) continue;
    tellOther(*session, side, RejectSession{{SessionRef{session->id, {}, {}}}, m.code, m.reason});
    removeSession(*session);
  }
}

void Broker::on(Now, ControlId, Control& control, SessionClosed& m) {
  for (const SessionRef& ref : m.sessions) {
    Side side{};
    Session* session = sessionOf(control, ref, &side);
    if (!session) continue;
    const SessionClosed closed{{SessionRef{session->id, {}, {}}}, m.reason};
    tellOther(*session, side, closed);
    removeSession(*session);
  }
}

void Broker::removeSession(Session& session) {
  if (session.joined && session.transport == Transport::tcp && session.channel[0]) {
    act(EndSession{session.id});
  } else {
    for (const auto& channel : session.channel) {
      if (channel) dropSoon(*channel);
    }
  }
  if (session.udp) act(RemoveUdp{*session.udp});
  if (waitsForTarget(session)) noLongerAwaited(session);
  for (const ClientId& client : session.client) {
    ClientRecord* record = clients_.find(client);
    if (record && record->sessions > 0) --record->sessions;
  }
  sessions_.remove(session.id);
}

void Broker::removeSessionsOf(const ClientId& id, std::string_view reason, Which which) {
  const ClientRecord* record = clients_.find(id);
  if (!record || record->sessions == 0) return;
  std::vector<SessionId> mine;
  for (const auto& [number, session] : sessions_.all()) {
    if (which == Which::udpOnly && session.transport != Transport::udp) continue;
    if (session.clientOf(Side::initiator) == id || session.clientOf(Side::target) == id) mine.push_back(session.id);
  }
  for (const SessionId sessionId : mine) {
    Session* session = sessions_.find(sessionId);
    const Side from = session->clientOf(Side::initiator) == id ? Side::initiator : Side::target;
    tellOther(*session, from, SessionClosed{{SessionRef{session->id, {}, {}}}, std::string{reason}});
    removeSession(*session);
  }
}

}  // namespace chuantou::relay
