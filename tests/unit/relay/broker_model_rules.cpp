#include <algorithm>

#include "relay/broker_fixture.hpp"
#include "relay/broker_model.hpp"
#include "wire/udp_packet.hpp"

namespace chuantou::relay::test {

using namespace wire;

namespace {

template <class Id>
std::string text(Id id) {
  return std::to_string(static_cast<std::uint64_t>(id));
}

}  // namespace

void BrokerModel::broken(const std::string& what) const {
  throw std::logic_error("step " + std::to_string(steps_) + ": " + what);
}

/// Whether the broker listens to what the connection says; one that may not say this yet is closed.
bool BrokerModel::speaks(ControlId id, bool needsName) {
  Control& control = controls_[id];
  if (control.closing) return false;
  control.heardAt = at_;
  if (!needsName || !control.client.empty()) return true;
  close(id);
  return false;
}

std::optional<BrokerModel::Proved> BrokerModel::provenBy(const Register& m, const std::string& challenge) const {
  if (!m.publicKey && !rules_.keyless) return std::nullopt;
  if (m.publicKey && m.signature != signatureOf(*m.publicKey, challenge, m.clientId)) return std::nullopt;
  Proved proved{m.publicKey, m.publicKey && m.temporaryKey, "", "main"};
  if (!rules_.token) return proved;
  for (const auto& [name, pass] : passes_) {
    if (m.proof != proofOf(name, challenge, m.clientId, m.publicKey) || pass.revoked) continue;
    const bool again = m.publicKey && pass.usedBy.count(*m.publicKey) != 0;
    if (pass.usesLeft == 0u && !again) continue;
    proved.token = name;
    proved.group = pass.group;
    return proved;
  }
  return std::nullopt;
}

bool BrokerModel::mayHave(const std::string& name, const Proved& proved) const {
  if (name.empty()) return true;
  if (const auto owner = owners_.find(name); owner != owners_.end()) return owner->second.key == proved.key;
  const auto holder = known_.find(name);
  if (online_.count(name) != 0 && holder->second.key && holder->second.key != proved.key) return false;
  const bool comesToOwn = proved.key && !proved.temporary;
  return !comesToOwn || owners_.size() < kMaxNames;
}

void BrokerModel::endAllBy(const std::string& token) {
  for (const auto& [name, proved] : known_) {
    if (proved.token != token) continue;
    endAllOf(name, false);
    if (const auto control = controlOf(name)) close(*control);
  }
}

void BrokerModel::close(ControlId id) {
  Control& control = controls_[id];
  control.closing = true;
  if (!control.client.empty()) online_.erase(control.client);
  expect("close " + text(id));
}

void BrokerModel::place(SessionId id, std::size_t side, ChannelId channel) {
  Link& link = links_[id];
  link.channel[side] = channel;
  if (!link.channel[0] || !link.channel[1]) return;
  link.joined = true;
  ++counts_.pairs;
  expect("pair " + text(id) + " " + text(*link.channel[0]) + " " + text(*link.channel[1]));
}

void BrokerModel::end(SessionId id) {
  const Link link = links_[id];
  links_.erase(id);
  if (link.udp) {
    expect("remove " + text(link.number));
  } else if (link.joined && link.channel[0]) {
    expect("end " + text(id));
  } else if (!link.joined) {
    for (const auto& channel : link.channel) {
      if (channel) refused_.push_back(*channel);
    }
  }
  for (auto it = keys_.begin(); it != keys_.end();) it = it->second.session == id ? keys_.erase(it) : std::next(it);
}

void BrokerModel::endAllOf(const std::string& client, bool udpOnly) {
  std::vector<SessionId> mine;
  for (const auto& [id, link] : links_) {
    if ((link.client[0] == client || link.client[1] == client) && (link.udp || !udpOnly)) mine.push_back(id);
  }
  for (const SessionId id : mine) end(id);
}

void BrokerModel::refuse(const std::vector<DataKey>& keys) {
  for (const DataKey& key : keys) {
    const auto it = waiting_.find(key.bytes);
    if (it == waiting_.end()) continue;
    refused_.push_back(it->second.channel);
    waiting_.erase(it);
  }
}

std::vector<Send> BrokerModel::drain() {
  std::vector<Send> sends;
  std::set<ControlId> closed;
  while (auto action = broker_.pollAction()) {
    if (auto* send = std::get_if<Send>(&*action)) {
      const auto it = controls_.find(send->to);
      if (it == controls_.end()) broken("a message to a connection that is not there");
      if (it->second.closing || closed.count(send->to) != 0) broken("a message to a connection after its end");
      if (encode(send->message).size() > kMaxMessageToClient) broken("a message that is too long");
      sends.push_back(std::move(*send));
    } else if (const auto* close = std::get_if<CloseControl>(&*action)) {
      if (controls_.count(close->control) == 0) broken("the end of a connection that is not there");
      closed.insert(close->control);
      ++counts_.closed;
      did_.push_back("close " + text(close->control));
    } else if (const auto* pair = std::get_if<Pair>(&*action)) {
      if (!gone_.insert(pair->initiator).second || !gone_.insert(pair->target).second)
        broken("a channel was used twice");
      did_.push_back("pair " + text(pair->session) + " " + text(pair->initiator) + " " + text(pair->target));
    } else if (const auto* drop = std::get_if<DropChannel>(&*action)) {
      if (!gone_.insert(drop->channel).second) broken("a channel that is gone was dropped");
      ++counts_.dropped;
      did_.push_back("drop " + text(drop->channel));
    } else if (const auto* end = std::get_if<EndSession>(&*action)) {
      ++counts_.ended;
      did_.push_back("end " + text(end->session));
    } else if (const auto* add = std::get_if<AddUdp>(&*action)) {
      const auto number = static_cast<std::uint32_t>(add->initiator);
      if (number >> 29 != 4 || number % 2 != 0 || add->initiator == kUdpControl)
        broken("a number that no UDP session has");
      if (add->initiatorKey == add->targetKey) broken("both sides have one key");
      did_.push_back("add " + text(add->initiator));
    } else if (const auto* remove = std::get_if<RemoveUdp>(&*action)) {
      did_.push_back("remove " + text(remove->initiator));
    } else if (const auto* store = std::get_if<StoreName>(&*action)) {
      did_.push_back("store " + store->record.name.str());
    } else if (const auto* forget = std::get_if<ForgetName>(&*action)) {
      did_.push_back("forget " + forget->name.str());
    } else {
      did_.push_back("tokens");
    }
  }
  return sends;
}

void BrokerModel::compare(const char* event) {
  std::sort(did_.begin(), did_.end());
  std::sort(expected_.begin(), expected_.end());
  if (did_ != expected_) {
    std::string difference = std::string{event} + ": did";
    for (const std::string& one : did_) difference += " [" + one + "]";
    difference += ", expected";
    for (const std::string& one : expected_) difference += " [" + one + "]";
    broken(difference);
  }
  did_.clear();
  expected_.clear();
  if (broker_.sessions().size() != links_.size()) broken(std::string{event} + ": the number of sessions");
  if (broker_.clients().online() != online_.size()) broken(std::string{event} + ": the number of clients");
  if (steps_ % 16 == 0) compareTables();
}

void BrokerModel::compareTables() {
  for (const auto& [id, link] : links_) {
    const auto found = broker_.sessions().all().find(static_cast<std::uint64_t>(id));
    if (found == broker_.sessions().all().end()) broken("session " + text(id) + " is missing");
    const Session& session = found->second;
    for (std::size_t side = 0; side < 2; ++side) {
      if (session.client[side].str() != link.client[side] || session.key[side] != link.key[side])
        broken("session " + text(id));
      if (session.channel[side] != link.channel[side]) broken("the channels of session " + text(id));
    }
    if (session.joined != link.joined) broken("whether session " + text(id) + " is joined");
  }
  if (broker_.names().size() != owners_.size()) broken("the number of names");
  for (const auto& [name, owner] : owners_) {
    const NameRecord* record = broker_.names().find(*ClientId::parse(name));
    if (!record || record->owner != owner.key) broken("the owner of " + name);
  }
  for (const auto& [name, proved] : known_) {
    const ClientRecord* record = broker_.clients().find(*ClientId::parse(name));
    if (!record) broken("client " + name + " is forgotten");
    if (record->sessions != sessionsOf(name)) broken("the number of sessions of " + name);
    if (record->control != controlOf(name)) broken("the connection of " + name);
  }
}

ControlId BrokerModel::anyControl(Choices& choices) {
  auto it = controls_.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(choices.below(controls_.size())));
  return it->first;
}

SessionId BrokerModel::anySession(Choices& choices) {
  if (links_.empty() || choices.oneIn(8)) return SessionId{choices.below(1000)};
  auto it = links_.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(choices.below(links_.size())));
  return it->first;
}

DataKey BrokerModel::anyKey(Choices& choices) {
  constexpr std::size_t kRemembered = 64;
  if (!recentKeys_.empty() && choices.oneIn(3)) return recentKeys_[choices.below(recentKeys_.size())];
  if (recentKeys_.size() > kRemembered) recentKeys_.erase(recentKeys_.begin(), recentKeys_.begin() + kRemembered / 2);
  recentKeys_.push_back(DataKey::random(random_));
  return recentKeys_.back();
}

std::optional<ControlId> BrokerModel::controlOf(const std::string& client) const {
  const auto it = online_.find(client);
  return it == online_.end() ? std::nullopt : std::optional{it->second};
}

std::size_t BrokerModel::sessionsOf(const std::string& client) const {
  std::size_t count = 0;
  for (const auto& [id, link] : links_)
    count += (link.client[0] == client ? 1u : 0u) + (link.client[1] == client ? 1u : 0u);
  return count;
}

}  // namespace chuantou::relay::test
