// The server's names and tokens: what is read at its start, written when it changes, and asked of it by its operator.
#include <unordered_map>

#include "base/hex.hpp"
#include "crypto/identity.hpp"
#include "crypto/token_proof.hpp"
#include "engine/server/server_engine.hpp"

namespace chuantou::engine {

namespace {

Secret makeSecret(RandomSource& random) {
  std::array<std::uint8_t, 16> bytes{};
  random.fill(bytes);
  return Secret{toHex(bytes)};
}

bool signatureMatches(const PublicKey& key, std::span<const std::uint8_t> challenge, std::string_view id,
                      std::string_view hex) {
  crypto::Signature signature{};
  return fromHex(hex, signature) && crypto::verify(key, crypto::registrationMessage(challenge, id), signature);
}

const char* stateOf(const relay::Token& token, std::int64_t nowMs) {
  switch (token.state(nowMs, {})) {
    case relay::Token::State::revoked:
      return "revoked";
    case relay::Token::State::expired:
      return "expired";
    case relay::Token::State::usedUp:
      return "used-up";
    case relay::Token::State::good:
      break;
  }
  return "active";
}

void checkOptions(const TokenOptions& options) {
  if (!ClientId::parse(options.name)) {
    throw Error{Errc::invalid_argument, "the token's name \"" + options.name + "\"", "1 to 64 of A-Z a-z 0-9 . _ -"};
  }
  if (options.name == relay::kMainToken) {
    throw Error{Errc::invalid_argument, "the token's name \"main\"", "it is that of the server's own token"};
  }
  if (!ClientId::parse(options.group)) {
    throw Error{Errc::invalid_argument, "the group \"" + options.group + "\"", "1 to 64 of A-Z a-z 0-9 . _ -"};
  }
  if (options.uses > relay::TokenTable::kMaxUses)
    throw Error{Errc::invalid_argument, "the number of uses", "at most 1,000"};
  if (options.expiresIn < Millis{0} || options.expiresIn > std::chrono::hours{24 * 365 * 100}) {
    throw Error{Errc::invalid_argument, "the token's time", "at most 100 years"};
  }
}

Error configured() {
  return Error{Errc::invalid_argument, "changing the token \"main\"",
               "it is given by the configuration; change it there"};
}

}  // namespace

void ServerEngine::makeBroker(relay::BrokerConfig config) {
  config.checkProof = crypto::tokenProofMatches;
  config.checkSignature = signatureMatches;
  config.allowKeyless = config_.allowKeyless;
  config.wantTokens = !config_.allowAnonymous || !config_.token.empty() || config_.makeToken;

  state_.reset();  // of an attempt to start that failed
  state_ = std::make_unique<ServerState>(config_.stateDir, log_);
  relay::NameBook names{config_.maxNames};
  for (relay::NameRecord& record : state_->takeNames()) names.restore(std::move(record));

  const bool ownToken = config_.makeToken && config_.token.empty();
  relay::TokenTable tokens;
  for (relay::Token& token : state_->takeTokens()) {
    if (token.name == relay::kMainToken && !ownToken) {
      state_->setAside(std::move(token));
    } else {
      tokens.restore(std::move(token));
    }
  }
  if (ownToken && !tokens.find(relay::kMainToken)) {
    relay::Token token;
    token.name = relay::kMainToken;
    token.secret = makeSecret(*random_);
    token.createdMs = now().unixMs;
    tokens.restore(std::move(token));
    state_->store(tokens);
  }
  if (!config_.token.empty()) {
    relay::Token token;
    token.name = relay::kMainToken;
    token.secret = Secret{config_.token};
    token.createdMs = now().unixMs;
    token.configured = true;
    tokens.restore(std::move(token));
  }
  broker_ = std::make_unique<relay::Broker>(std::move(config), *random_, std::move(names), std::move(tokens));
}

// ----------------------------------------------------------------------- state

/// Runs a write. The clients are served all the same where the disk is full, until the server stops.
template <class F>
void ServerEngine::keep(F f) {
  try {
    f();
  } catch (const Error& error) {
    log_.error(LogLevel::error, "state", error);
    notStored_ = error;
  }
}

void ServerEngine::perform(relay::StoreName action) {
  keep([&] { state_->store(action.record); });
}
void ServerEngine::perform(relay::ForgetName action) {
  keep([&] { state_->forget(action.name); });
}
void ServerEngine::perform(relay::StoreTokens) {
  keep([&] { state_->store(broker_->tokens()); });
}

// ---------------------------------------------------------- the operator's wishes

template <class F>
auto ServerEngine::operate(F f) -> decltype(f()) {
  auto result = onFront([this, &f] {
    notStored_.reset();
    auto out = std::optional{f()};
    drain();
    if (notStored_) throw Error{*notStored_};
    return out;
  });
  if (!result) throw Error{Errc::stopped, "the server"};
  return std::move(*result);
}

std::vector<TokenInfo> ServerEngine::tokens() {
  return onFront([this] {
    std::unordered_map<std::string, std::uint64_t> clients;
    for (const relay::ClientRecord* record : broker_->clients().list()) ++clients[record->proved.token];
    std::vector<TokenInfo> out;
    for (const relay::Token& token : broker_->tokens().all()) {
      TokenInfo info;
      info.name = token.name;
      info.group = token.group;
      info.state = stateOf(token, now().unixMs);
      info.createdMs = token.createdMs;
      info.expiresAtMs = token.expiresAtMs.value_or(0);
      info.limited = token.usesLeft.has_value();
      info.usesLeft = token.usesLeft.value_or(0);
      info.allowExpose = token.allowExpose;
      info.configured = token.configured;
      info.clients = clients[token.name];
      out.push_back(std::move(info));
    }
    return out;
  });
}

std::string ServerEngine::addToken(const TokenOptions& options) {
  checkOptions(options);
  return operate([&] {
    relay::Token token;
    token.name = options.name;
    token.secret = makeSecret(*random_);
    token.group = options.group;
    token.createdMs = now().unixMs;
    if (options.expiresIn > Millis{0}) token.expiresAtMs = token.createdMs + options.expiresIn.count();
    if (options.uses > 0) token.usesLeft = options.uses;
    token.allowExpose = options.allowExpose;
    const std::string secret = token.secret.reveal();
    const auto added = broker_->handleAddToken(now(), std::move(token));
    if (added == relay::TokenTable::Added::nameTaken)
      throw Error{Errc::already_exists, "the token \"" + options.name + "\""};
    if (added == relay::TokenTable::Added::full)
      throw Error{Errc::limit_reached, "tokens", "revoke those that are not needed"};
    log_.log(LogLevel::info, "server", "the token \"{}\" was added", options.name);
    return secret;
  });
}

bool ServerEngine::revokeToken(const std::string& name) {
  return operate([&] {
    const relay::Token* token = broker_->tokens().find(name);
    if (token && token->configured) throw configured();
    const bool done = broker_->handleRevokeToken(name);
    if (done) log_.log(LogLevel::info, "server", "the token \"{}\" was revoked", name);
    return done;
  });
}

std::string ServerEngine::rotateToken(bool disconnect) {
  return operate([&] {
    const relay::Token* token = broker_->tokens().find(relay::kMainToken);
    if (!token) throw Error{Errc::not_found, "token \"main\"", "this server was started without one of its own"};
    if (token->configured) throw configured();
    const Secret fresh = makeSecret(*random_);
    broker_->handleRotateToken(relay::kMainToken, fresh, disconnect);
    log_.log(LogLevel::info, "server", "the token \"main\" was changed");
    return fresh.reveal();
  });
}

std::string ServerEngine::madeToken() {
  return onFront([this] {
    const relay::Token* token = broker_->tokens().find(relay::kMainToken);
    return token && !token->configured && !token->revoked ? token->secret.reveal() : std::string{};
  });
}

bool ServerEngine::releaseName(const std::string& clientId) {
  const auto id = ClientId::parse(clientId);
  if (!id) return false;
  return operate([&] { return broker_->handleReleaseName(*id); });
}

}  // namespace chuantou::engine
