#include "relay/broker_model.hpp"

#include <algorithm>

#include "relay/broker_fixture.hpp"

namespace chuantou::relay::test {

using namespace wire;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxControls = 24;

BrokerConfig smallConfig(bool keyless) {
  BrokerConfig config;
  config.maxClients = 6;
  config.maxSessionsPerClient = 12;
  config.maxWaitingChannels = 6;
  config.allowKeyless = keyless;
  return withChecks(config);
}

TokenTable someTokens(bool any) {
  if (!any) return {};
  Token few = token("few", "few");
  few.usesLeft = 2;
  return tokens({token("main", "main"), token("guest", "guest", "guests"), few});
}

}  // namespace

BrokerModel::BrokerModel(Rules rules, std::uint64_t seed)
    : rules_(rules),
      config_(smallConfig(rules.keyless)),
      random_(seed),
      broker_(config_, random_, NameBook{kMaxNames}, someTokens(rules.token)) {
  broker_.relayPort = 8200;
  if (rules.token) passes_ = {{"main", {"main", {}, {}}}, {"guest", {"guests", {}, {}}}, {"few", {"main", 2, {}}}};
}

void BrokerModel::step(Choices& choices) {
  ++steps_;
  // What was told to close does so soon, and most connections register before they say anything else.
  const auto ending =
      std::find_if(controls_.begin(), controls_.end(), [](const auto& one) { return one.second.closing; });
  if (ending != controls_.end() && choices.oneIn(4)) return hangsUp(ending->first);
  const auto unnamed = std::find_if(controls_.begin(), controls_.end(),
                                    [](const auto& one) { return one.second.client.empty() && !one.second.closing; });
  if (unnamed != controls_.end() && choices.oneIn(2)) return registers(choices, unnamed->first);

  const std::size_t event = choices.below(32);
  if (controls_.empty() || (event == 0 && controls_.size() < kMaxControls)) {
    openControl();
  } else if (event == 1) {
    registers(choices, anyControl(choices));
  } else if (event <= 12) {
    connects(choices, anyControl(choices));
  } else if (event <= 15) {
    answers(choices, anyControl(choices));
  } else if (event <= 18) {
    talks(choices, anyControl(choices));
  } else if (event <= 26) {
    dataChannel(choices);
  } else if (event <= 28) {
    pumpEnds(choices);
  } else if (event == 29) {
    if (choices.oneIn(4)) return kick(choices);
    if (choices.oneIn(4)) return operates(choices);
    if (choices.oneIn(4)) hangsUp(anyControl(choices));
  } else {
    tick(Millis{choices.below(choices.oneIn(16) ? 70'000 : 2'000)});
  }
}

void BrokerModel::openControl() {
  const ControlId id{++lastControl_};
  broker_.handleControlOpened(now(), id, "192.0.2.1");
  controls_[id] = Control{at_, at_ + config_.registerTimeout, {}, {}, false};
  drain();
  compare("a control connection opens");
}

void BrokerModel::connects(Choices& choices, ControlId id) {
  ConnectRequest m;
  m.toClientId = choices.oneIn(16) ? "nobody" : kNames[choices.below(std::size(kNames))];
  m.remotePort = 80;
  m.transport = choices.oneIn(3) ? Transport::udp : Transport::tcp;
  m.plain = choices.oneIn(3);
  for (std::size_t i = choices.below(3); i < 3; ++i) m.keys.push_back(anyKey(choices));
  broker_.handleMessage(now(), id, m);
  const std::vector<Send> sends = drain();

  if (speaks(id, true)) {
    const std::string from = controls_[id].client;
    const auto target = controlOf(m.toClientId);
    std::vector<DataKey> rejected;
    std::vector<SessionId> made;
    if (!target) {
      rejected = m.keys;
      const auto* reject = find<RejectSession>(sends, id);
      const Errc code = known_.count(m.toClientId) != 0 ? Errc::peer_offline : Errc::unknown_peer;
      if (!reject || reject->code != code || reject->sessions.size() != m.keys.size()) broken("a request for nobody");
    } else {
      const auto* created = find<CreateSession>(sends, id);
      const auto* incoming = find<IncomingRequest>(sends, *target);
      for (const DataKey& key : m.keys) {
        const bool full = sessionsOf(from) >= config_.maxSessionsPerClient ||
                          sessionsOf(m.toClientId) >= config_.maxSessionsPerClient;
        if (full || keys_.count(key.bytes) != 0) {
          rejected.push_back(key);
          continue;
        }
        if (!created || !incoming || made.size() >= created->sessions.size() ||
            made.size() >= incoming->sessions.size()) {
          broken("a session was not announced");
        }
        const SessionRef& one = created->sessions[made.size()];
        const SessionRef& other = incoming->sessions[made.size()];
        if (one.id != other.id || !one.id || one.key != key || !other.key || *other.key == key)
          broken("what the sides were told");
        if (links_.count(*one.id) != 0) broken("a session id was used twice");
        Link link{{from, m.toClientId},        {key, *other.key}, {}, m.transport == Transport::udp, m.plain, {}, false,
                  at_ + config_.pairingTimeout};
        if (link.udp) {
          if (!one.udp || !other.udp ||
              (static_cast<std::uint32_t>(*one.udp) ^ static_cast<std::uint32_t>(*other.udp)) != 1) {
            broken("the numbers of a UDP session");
          }
          link.number = *one.udp;
          expect("add " + std::to_string(static_cast<std::uint32_t>(link.number)));
          ++counts_.udp;
        } else {
          keys_[key.bytes] = KeyUse{*one.id, 0};
          keys_[other.key->bytes] = KeyUse{*one.id, 1};
          recentKeys_.push_back(*other.key);
        }
        const Proved& mine = known_[from];
        const Proved& theirs = known_[m.toClientId];
        if (created->peerKey.key != theirs.key || created->peerKey.temporary != theirs.temporary ||
            incoming->fromKey.key != mine.key || incoming->fromKey.temporary != mine.temporary ||
            incoming->sameGroup != (mine.group == theirs.group) || incoming->plain != m.plain) {
          broken("what the sides were told of each other");
        }
        links_[*one.id] = link;
        made.push_back(*one.id);
        ++counts_.sessions;
      }
      if (created && created->sessions.size() != made.size()) broken("more sessions than were asked for");
    }
    refuse(rejected);
    for (const SessionId session : made) {
      const DataKey key = links_[session].key[0];
      const auto early = waiting_.find(key.bytes);
      if (links_[session].udp || early == waiting_.end()) continue;
      const ChannelId channel = early->second.channel;
      waiting_.erase(early);
      keys_.erase(key.bytes);
      place(session, 0, channel);
    }
  }
  compare("a request");
}

void BrokerModel::answers(Choices& choices, ControlId id) {
  std::vector<SessionRef> refs;
  for (std::size_t i = choices.below(3); i < 3; ++i) refs.push_back(SessionRef{anySession(choices), {}, {}});
  const std::size_t kind = choices.below(3);
  if (kind == 0) broker_.handleMessage(now(), id, AcceptSession{refs});
  if (kind == 1) broker_.handleMessage(now(), id, RejectSession{refs, Errc::not_allowed, "no"});
  if (kind == 2) broker_.handleMessage(now(), id, SessionClosed{refs, "done"});
  const std::vector<Send> sends = drain();
  std::size_t told = 0;
  if (speaks(id, true)) {
    const std::string client = controls_[id].client;
    for (const SessionRef& ref : refs) {
      const auto it = links_.find(*ref.id);
      if (it == links_.end()) continue;
      Link& link = it->second;
      const bool target = link.client[1] == client;
      if (!target && link.client[0] != client) continue;
      if (kind < 2 && !target) continue;
      if (kind == 0 && !link.udp) continue;
      if (controlOf(link.client[target ? 0 : 1])) ++told;
      if (kind == 0) {
        link.joined = true;
      } else {
        end(*ref.id);
      }
    }
    if (sends.size() != told) broken("who was told of an answer");
  }
  compare("an answer");
}

void BrokerModel::talks(Choices& choices, ControlId id) {
  const std::size_t kind = choices.below(8);
  if (kind == 0) {
    if (choices.oneIn(2)) return tick(Duration{});
    broker_.handleMessage(now(), id, Unregister{});
    drain();
    if (speaks(id, true)) {
      endAllOf(controls_[id].client, false);
      close(id);
    }
  } else if (kind == 1) {
    broker_.handleMessage(now(), id, GetClientList{});
    const auto sends = drain();
    if (speaks(id, true)) {
      const auto* list = find<ClientList>(sends, id);
      if (!list || list->clients.size() != online_.size()) broken("the client list");
      auto it = online_.begin();
      for (const ClientInfo& info : list->clients) {
        if (info.key != known_[it->first].key) broken("the client list's keys");
        if (info.id != (it++)->first) broken("the client list's names");
      }
    }
  } else if (kind == 2) {
    broker_.handleMessage(now(), id, Unknown{"later"});
    drain();
    speaks(id, true);
  } else if (kind == 3) {
    broker_.handleBadMessage(now(), id, Error{Errc::protocol_error, "x", "bad"});
    drain();
    if (speaks(id, false) && controls_[id].client.empty()) close(id);
  } else if (kind == 4) {
    for (auto& [other, control] : controls_) {
      broker_.handleHeard(now(), other);
      control.heardAt = at_;
    }
    drain();
  } else {
    broker_.handleMessage(now(), id, Heartbeat{static_cast<std::int64_t>(kind)});
    const auto sends = drain();
    if (speaks(id, false) && !find<Heartbeat>(sends, id)) broken("a heartbeat without an answer");
  }
  compare("small talk");
}

void BrokerModel::hangsUp(ControlId id) {
  const Control control = controls_[id];
  controls_.erase(id);
  broker_.handleControlClosed(now(), id);
  drain();
  if (!control.client.empty() && !control.closing) {
    online_.erase(control.client);
    endAllOf(control.client, true);
  }
  compare("a control connection ends");
}

void BrokerModel::dataChannel(Choices& choices) {
  const ChannelId channel{++lastChannel_};
  DataKey key = anyKey(choices);
  if (!keys_.empty() && !choices.oneIn(4)) {
    auto it = keys_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(choices.below(keys_.size())));
    key.bytes = it->first;
  }
  broker_.handleDataChannel(now(), channel, key);
  drain();
  if (const auto use = keys_.find(key.bytes); use != keys_.end()) {
    const KeyUse found = use->second;
    keys_.erase(use);
    place(found.session, found.side, channel);
  } else if (waiting_.count(key.bytes) != 0) {
    expect("drop " + std::to_string(static_cast<std::uint64_t>(channel)));
  } else {
    if (waiting_.size() >= config_.maxWaitingChannels) {  // the oldest goes; channels are numbered in order
      const auto oldest = std::min_element(waiting_.begin(), waiting_.end(), [](const auto& x, const auto& y) {
        return x.second.channel < y.second.channel;
      });
      expect("drop " + std::to_string(static_cast<std::uint64_t>(oldest->second.channel)));
      waiting_.erase(oldest);
    }
    waiting_[key.bytes] = Waiting{channel, at_ + config_.keyPatience};
  }
  compare("a data channel");
}

void BrokerModel::pumpEnds(Choices& choices) {
  const SessionId id = anySession(choices);
  const auto it = links_.find(id);
  if (it != links_.end() && (it->second.udp || !it->second.joined)) return;  // only what was paired has a pump
  broker_.handleSessionEnded(id);
  drain();
  if (it != links_.end()) {
    it->second.channel[0].reset();
    it->second.channel[1].reset();
    end(id);
  }
  compare("a pump ends");
}

void BrokerModel::kick(Choices& choices) {
  const std::string name = kNames[choices.below(std::size(kNames))];
  const auto control = controlOf(name);
  if (broker_.handleKick(*ClientId::parse(name)) != control.has_value()) broken("whether there was somebody to remove");
  drain();
  if (control) {
    endAllOf(name, false);
    close(*control);
  }
  compare("a client is removed");
}

void BrokerModel::tick(Duration later) {
  at_ += later;
  broker_.handleTick(now());
  drain();
  for (auto& [id, control] : controls_) {
    if (control.closing) continue;
    const bool late = control.client.empty() && control.registerBy <= at_;
    if (!late && control.heardAt + config_.heartbeatTimeout > at_) continue;
    if (!control.client.empty()) {
      endAllOf(control.client, true);
      silent_[control.client] = at_ + config_.returnTimeout;
    }
    close(id);
  }
  for (auto it = silent_.begin(); it != silent_.end();) {
    if (it->second > at_) {
      ++it;
      continue;
    }
    endAllOf(it->first, false);
    it = silent_.erase(it);
  }
  for (const ChannelId channel : refused_) expect("drop " + std::to_string(static_cast<std::uint64_t>(channel)));
  refused_.clear();
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->second.until > at_) {
      ++it;
      continue;
    }
    expect("drop " + std::to_string(static_cast<std::uint64_t>(it->second.channel)));
    it = waiting_.erase(it);
  }
  std::vector<SessionId> late;
  for (const auto& [id, link] : links_) {
    if (!link.joined && link.deadline <= at_) late.push_back(id);
  }
  for (const SessionId id : late) end(id);
  compare("a tick");
}

void BrokerModel::finish() {
  while (!controls_.empty()) hangsUp(controls_.begin()->first);
  for (int i = 0; i < 3; ++i) tick(1min);
  while (!links_.empty()) {
    const SessionId id = links_.begin()->first;
    broker_.handleSessionEnded(id);
    drain();
    links_.begin()->second.channel[0].reset();
    links_.begin()->second.channel[1].reset();
    end(id);
    compare("the last pumps end");
  }
  tick(1s);
  compareTables();
  if (broker_.sessions().size() != 0) broken("sessions are left");
  if (broker_.clients().online() != 0) broken("clients are left");
  if (gone_.size() != lastChannel_) broken("data channels are left");
}

}  // namespace chuantou::relay::test
