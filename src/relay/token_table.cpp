#include "relay/token_table.hpp"

#include <algorithm>

namespace chuantou::relay {

Token::State Token::state(std::int64_t nowMs, const std::optional<PublicKey>& key) const {
  if (revoked) return State::revoked;
  if (expired(nowMs)) return State::expired;
  if (!usesLeft || *usesLeft > 0 || (key && usedBy.count(*key) != 0)) return State::good;
  return State::usedUp;
}

TokenTable::Added TokenTable::add(Token token, std::int64_t nowMs) {
  const auto over = [nowMs](const Token& one) { return one.revoked || one.expired(nowMs); };
  const auto same =
      std::find_if(tokens_.begin(), tokens_.end(), [&](const Token& one) { return one.name == token.name; });
  if (same != tokens_.end()) {
    if (!over(*same)) return Added::nameTaken;
    tokens_.erase(same);
  }
  if (tokens_.size() >= kMaxTokens) std::erase_if(tokens_, over);
  if (tokens_.size() >= kMaxTokens) return Added::full;
  tokens_.push_back(std::move(token));
  return Added::done;
}

Token* TokenTable::find(std::string_view name) {
  const auto it = std::find_if(tokens_.begin(), tokens_.end(), [name](const Token& one) { return one.name == name; });
  return it == tokens_.end() ? nullptr : &*it;
}

const Token* TokenTable::find(std::string_view name) const { return const_cast<TokenTable*>(this)->find(name); }

const Token* TokenTable::match(const ProofCheck& check, std::span<const std::uint8_t> challenge,
                               std::string_view clientId, const std::optional<PublicKey>& key,
                               std::string_view proofHex) const {
  const auto keyBytes = key ? std::span<const std::uint8_t>{key->bytes} : std::span<const std::uint8_t>{};
  std::size_t found = tokens_.size();
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const bool right = check(tokens_[i].secret.reveal(), challenge, clientId, keyBytes, proofHex);
    found = right ? i : found;
  }
  return found == tokens_.size() ? nullptr : &tokens_[found];
}

bool TokenTable::use(const std::string& name, const std::optional<PublicKey>& key) {
  Token* token = find(name);
  if (!token || !token->usesLeft) return false;
  if (key && !token->usedBy.insert(*key).second) return false;
  if (*token->usesLeft > 0) --*token->usesLeft;
  return true;
}

bool TokenTable::revoke(std::string_view name) {
  Token* token = find(name);
  if (!token || token->revoked) return false;
  token->revoked = true;
  return true;
}

std::vector<std::string> TokenTable::takeExpired(std::int64_t nowMs) {
  std::vector<std::string> out;
  for (const Token& token : tokens_) {
    if (!token.revoked && token.expired(nowMs) && !token.expired(lookedAtMs_)) out.push_back(token.name);
  }
  lookedAtMs_ = nowMs;
  return out;
}

}  // namespace chuantou::relay
