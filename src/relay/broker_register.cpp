// Who may register: the challenge, the token, the key, and whose name it is.
#include <fmt/format.h>

#include "base/hex.hpp"
#include "chuantou/version.hpp"
#include "relay/broker.hpp"

namespace chuantou::relay {

using namespace wire;

namespace {

constexpr const char* kWantsToken = "this server wants a token";
constexpr const char* kWantsKey = "this server wants clients to have a key";

std::int64_t inMs(Duration d) { return std::chrono::duration_cast<Millis>(d).count(); }

const char* reasonOf(Token::State state) {
  switch (state) {
    case Token::State::revoked:
      return "the token was revoked";
    case Token::State::expired:
      return "the token has expired";
    case Token::State::usedUp:
      return "the token was used by as many clients as it is for";
    case Token::State::good:
      break;
  }
  return "";
}

}  // namespace

void Broker::handleRegisterRefused(Now now, ControlId id, std::string why) {
  const auto it = controls_.find(static_cast<std::uint64_t>(id));
  if (it == controls_.end() || it->second.closing) return;
  it->second.heardAt = now.at;
  refuse(id, it->second, Errc::limit_reached, std::move(why));
}

void Broker::refuse(ControlId id, Control& control, Errc code, std::string why) {
  RegisterResponse response;
  response.code = code;
  response.error = std::move(why);
  response.version = kProtocolVersion;
  act(Send{id, std::move(response)});
  close(id, control);
}

void Broker::challenge(ControlId id, Control& control, bool token) {
  random_.fill(control.challenge);
  control.challenged = true;
  RegisterResponse response;
  response.code = token ? Errc::auth_required : Errc::identity_required;
  response.error = token ? kWantsToken : kWantsKey;
  response.challenge = toHex(control.challenge);
  act(Send{id, std::move(response)});
}

const Token* Broker::provedToken(Now now, const Control& control, const Register& m, std::string& why) const {
  const Token* token = config_.checkProof
                           ? tokens_.match(config_.checkProof, control.challenge, m.clientId, m.publicKey, m.proof)
                           : nullptr;
  if (!token) {
    why = "the token is wrong";
    return nullptr;
  }
  const Token::State state = token->state(now.unixMs, m.publicKey);
  why = reasonOf(state);
  return state == Token::State::good ? token : nullptr;
}

std::optional<Credentials> Broker::prove(Now now, ControlId id, Control& control, const Register& m) {
  const bool wantsToken = config_.wantTokens && tokens_.wanted();
  const bool wantsKey = !config_.allowKeyless;
  if (!wantsToken && !wantsKey && !m.publicKey) return Credentials{{}, false, {}, kMainGroup};
  if (!control.challenged) {
    challenge(id, control, wantsToken);
    return std::nullopt;
  }
  control.challenged = false;  // one try a challenge
  const auto no = [&](Errc code, std::string why) {
    ++stats_.authFailures;
    refuse(id, control, code, std::move(why));
    return std::nullopt;
  };
  if (wantsToken && m.proof.empty()) return no(Errc::auth_required, kWantsToken);
  if (wantsKey && !m.publicKey) return no(Errc::identity_required, kWantsKey);
  const auto signedBy = [&](const PublicKey& key) {
    return config_.checkSignature && config_.checkSignature(key, control.challenge, m.clientId, m.signature);
  };
  if (m.publicKey && !signedBy(*m.publicKey)) return no(Errc::auth_failed, "the signature is not that of the key");
  Credentials proved{m.publicKey, m.publicKey && m.temporaryKey, {}, kMainGroup};
  if (wantsToken) {
    std::string why;
    const Token* token = provedToken(now, control, m, why);
    if (!token) return no(Errc::auth_failed, std::move(why));
    proved.token = token->name;
    proved.group = token->group;
  }
  return proved;
}

bool Broker::isTaken(const ClientId& name, const std::optional<PublicKey>& key) const {
  if (const NameRecord* record = names_.find(name)) return record->owner != key;
  // Nobody owns it: then it is for whoever has it now, if that one has a key.
  const ClientRecord* holder = clients_.find(name);
  return holder && holder->control && holder->proved.key && holder->proved.key != key;
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
  auto proved = prove(now, id, control, m);
  if (!proved) return;

  if (isTaken(*name, proved->key)) {
    return refuse(id, control, Errc::name_taken, fmt::format("the id \"{}\" belongs to another key", name->str()));
  }
  const bool owned = names_.find(*name) != nullptr;
  if (owned) proved->temporaryKey = false;  // it says so, but the server knows it
  const bool owns = proved->key && !proved->temporaryKey && !isMadeUpName(*name);
  if (owns && !owned && names_.full()) {
    return refuse(id, control, Errc::limit_reached, "the server has all the names that it takes");
  }
  const ClientRecord* before = clients_.find(*name);
  const bool sameClient = !before || before->proved.key == proved->key;
  const auto registered = clients_.add(*name, id, control.address, *proved, now);
  if (registered.full) {
    ++stats_.refusedClients;
    return refuse(id, control, Errc::limit_reached, "the server has all the clients that it takes");
  }

  if (tokens_.use(proved->token, proved->key)) act(StoreTokens{});
  if (owns) {
    if (auto record = names_.visit(*name, *proved->key, proved->token, now.unixMs)) act(StoreName{std::move(*record)});
  }
  if (registered.replaced) replace(*registered.replaced, *name);
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
  // What another client of the name had open is not this one's.
  if (!sameClient) return removeSessionsOf(*name, "the peer is another one now");
  if (registered.replaced) removeSessionsOf(*name, "the peer registered again", Which::udpOnly);
  tellAgain(*clients_.find(*name));
}

void Broker::replace(ControlId old, const ClientId& name) {
  const auto it = controls_.find(static_cast<std::uint64_t>(old));
  if (it == controls_.end()) return;
  act(Send{old, ErrorMessage{Errc::kicked, "another connection registered the id " + name.str()}});
  it->second.closing = true;
  act(CloseControl{old});
}

TokenTable::Added Broker::handleAddToken(Now now, Token token) {
  // A new token of an old one's name must not find the old one's clients.
  for (const std::string& expired : tokens_.takeExpired(now.unixMs)) endClientsOf(expired, "the token has expired");
  const TokenTable::Added added = tokens_.add(std::move(token), now.unixMs);
  if (added == TokenTable::Added::done) act(StoreTokens{});
  return added;
}

bool Broker::handleRevokeToken(std::string_view name) {
  if (!tokens_.revoke(name)) return false;
  act(StoreTokens{});
  endClientsOf(name, "the token was revoked");
  return true;
}

bool Broker::handleRotateToken(std::string_view name, Secret fresh, bool endClients) {
  Token* token = tokens_.find(name);
  if (!token) return false;
  token->secret = std::move(fresh);
  token->revoked = false;
  act(StoreTokens{});
  if (endClients) endClientsOf(name, "the token was changed");
  return true;
}

void Broker::endClientsOf(std::string_view token, const std::string& why) {
  for (const ClientId& id : clients_.joinedBy(token)) {
    removeSessionsOf(id, why);
    ClientRecord* record = clients_.find(id);
    if (!record) continue;  // forgotten: there are many that are offline
    record->left = true;
    if (!record->control) continue;
    const ControlId control = *record->control;
    act(Send{control, ErrorMessage{Errc::auth_failed, why}});
    close(control, controls_[static_cast<std::uint64_t>(control)]);
  }
}

bool Broker::handleReleaseName(const ClientId& name) {
  if (!names_.release(name)) return false;
  act(ForgetName{name});
  return true;
}

}  // namespace chuantou::relay
