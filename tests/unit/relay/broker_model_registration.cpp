// The model's events about names and tokens: who registers, and what the operator does.
#include "relay/broker_fixture.hpp"
#include "relay/broker_model.hpp"

namespace chuantou::relay::test {

using namespace wire;

Register BrokerModel::registration(Choices& choices, ControlId id) const {
  Register m;
  const std::size_t name = choices.below(std::size(kNames) + 2);
  m.clientId = name < std::size(kNames) ? kNames[name] : name == std::size(kNames) ? "" : "no id";
  m.version = choices.oneIn(16) ? 2 : 1;
  const std::string challenge = choices.oneIn(16) ? std::string(64, '0') : controls_.at(id).challenge;
  if (!choices.oneIn(rules_.keyless ? 3 : 12)) {
    // Mostly a name's own key, or else nobody would stay.
    const std::size_t key = choices.oneIn(6) ? choices.below(3) : name % 3;
    m.publicKey = publicKey(static_cast<unsigned>(key + 1));
    m.temporaryKey = choices.oneIn(4);
    if (!choices.oneIn(12)) m.signature = signatureOf(*m.publicKey, challenge, m.clientId);
  }
  const char* const secrets[] = {"main", "main", "main", "main", "guest", "guest", "few", "wrong"};
  if (!choices.oneIn(12))
    m.proof = proofOf(secrets[choices.below(std::size(secrets))], challenge, m.clientId, m.publicKey);
  return m;
}

void BrokerModel::registers(Choices& choices, ControlId id) {
  const Register m = registration(choices, id);
  broker_.handleMessage(now(), id, m);
  const std::vector<Send> sends = drain();

  Control& control = controls_[id];
  if (speaks(id, false) && control.client.empty()) {
    const auto* response = find<RegisterResponse>(sends, id);
    if (!response) broken("a registration without an answer");
    const bool wellFormed = m.version == 1 && (m.clientId.empty() || ClientId::parse(m.clientId));
    std::optional<Proved> proved;
    bool challenged = false;
    if (wellFormed && !rules_.token && rules_.keyless && !m.publicKey) {
      proved = Proved{{}, false, "", "main"};
    } else if (wellFormed && control.challenge.empty()) {
      challenged = true;
      if (response->code != (rules_.token ? Errc::auth_required : Errc::identity_required)) broken("what is wanted");
    } else if (wellFormed) {
      proved = provenBy(m, control.challenge);
      control.challenge.clear();
    }
    const bool good = proved && mayHave(m.clientId, *proved) &&
                      (online_.size() < config_.maxClients || online_.count(m.clientId) != 0);
    if (response->success != good) broken("a registration that should " + std::string{good ? "" : "not "} + "succeed");
    if (challenged == response->challenge.empty()) broken("a challenge");
    if (challenged) control.challenge = response->challenge;
    if (good) {
      if (!m.clientId.empty() && response->assignedId != m.clientId) broken("another id was given");
      joins(id, response->assignedId, *proved, *response);
      isToldAgain(id, response->assignedId, sends);
    } else if (!challenged) {
      close(id);
    }
  }
  compare("a registration");
}

void BrokerModel::joins(ControlId id, const std::string& name, const Proved& proved, const RegisterResponse& response) {
  const auto pass = passes_.find(proved.token);
  if (pass != passes_.end() && pass->second.usesLeft && !(proved.key && pass->second.usedBy.count(*proved.key) != 0)) {
    if (proved.key) pass->second.usedBy.insert(*proved.key);
    --*pass->second.usesLeft;
    expect("tokens");
  }
  const auto owner = owners_.find(name);
  Proved now = proved;
  if (owner != owners_.end()) now.temporary = false;
  if (now.key && !now.temporary && name.size() == 1) {
    const std::int64_t ms = this->now().unixMs;
    if (owner == owners_.end() || owner->second.token != now.token ||
        ms - owner->second.storedMs >= NameBook::kVisitGrainMs) {
      owners_[name] = Owner{*now.key, now.token, ms};
      expect("store " + name);
      ++counts_.owned;
    }
  }
  const auto old = online_.find(name);
  if (response.existingKicked != (old != online_.end())) broken("existingKicked");
  if (old != online_.end()) {
    ++counts_.takeovers;
    controls_[old->second].closing = true;
    expect("close " + std::to_string(static_cast<std::uint64_t>(old->second)));
  }
  const auto before = known_.find(name);
  const bool another = before != known_.end() && before->second.key != now.key;
  if (another || old != online_.end()) endAllOf(name, !another);
  silent_.erase(name);
  online_[name] = id;
  known_[name] = now;
  controls_[id].client = name;
  ++counts_.registrations;
}

/// Of what waits for it, whether or not it was told before.
void BrokerModel::isToldAgain(ControlId id, const std::string& name, const std::vector<Send>& sends) {
  std::set<SessionId> told, waiting;
  for (const Send& send : sends) {
    const auto* incoming = std::get_if<IncomingRequest>(&send.message);
    if (!incoming) continue;
    if (send.to != id || incoming->sessions.size() != 1) broken("a request that was told to another one");
    const SessionRef& ref = incoming->sessions.front();
    const Link& link = links_.at(*ref.id);
    if (ref.key != link.key[1] || incoming->fromClientId != link.client[0] || incoming->plain != link.plain ||
        incoming->fromKey.key != known_.at(link.client[0]).key)
      broken("a request that was told again, and another one");
    told.insert(*ref.id);
  }
  for (const auto& [session, link] : links_) {
    if (link.client[1] == name && !link.udp && !link.joined && !link.channel[1]) waiting.insert(session);
  }
  if (told != waiting) broken("what a client is told again");
  counts_.toldAgain += told.size();
}

/// What an operator does with names and tokens.
void BrokerModel::operates(Choices& choices) {
  const std::size_t kind = choices.below(3);
  if (kind == 0) {
    const std::string name = kNames[choices.below(std::size(kNames))];
    const bool owned = owners_.erase(name) != 0;
    if (broker_.handleReleaseName(*ClientId::parse(name)) != owned) broken("whether a name was owned");
    drain();
    if (owned) expect("forget " + name);
  } else if (kind == 1 || !rules_.token) {
    const bool end = choices.oneIn(2);
    if (broker_.handleRotateToken("main", Secret{"main"}, end) != rules_.token) broken("whether there was a token");
    drain();
    if (rules_.token) {
      expect("tokens");
      passes_["main"].revoked = false;
      if (end) endAllBy("main");
    }
  } else {
    const std::string name = choices.oneIn(2) ? "few" : "guest";
    Pass& pass = passes_[name];
    if (pass.revoked) {
      Token again = token(name, name, pass.group);
      if (pass.usesLeft) again.usesLeft = 2;
      if (broker_.handleAddToken(now(), again) != TokenTable::Added::done) broken("a token that should be added");
      drain();
      pass = Pass{pass.group, again.usesLeft, {}, false};
    } else {
      if (!broker_.handleRevokeToken(name)) broken("a token that should be revoked");
      drain();
      pass.revoked = true;
      endAllBy(name);
      ++counts_.revoked;
    }
    expect("tokens");
  }
  compare("an operator's wish");
}

}  // namespace chuantou::relay::test
