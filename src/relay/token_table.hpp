// The tokens that let clients in: what each allows, for how long and for how many. Secrets and time are handed in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/secret.hpp"

namespace chuantou::relay {

/// Clients that joined without any token are of this group too.
inline constexpr const char* kMainGroup = "main";
/// The server's own token: given by its configuration, or made at its first start.
inline constexpr const char* kMainToken = "main";

struct Token {
  std::string name;  ///< as a client id
  Secret secret;
  std::string group = kMainGroup;
  std::optional<std::int64_t> expiresAtMs;  ///< since 1970, as createdMs
  std::optional<unsigned> usesLeft;         ///< none: any number of clients; else how many more keys may join by it
  std::set<PublicKey> usedBy;               ///< of a token with a number of uses: these may come back
  bool allowExpose = false;
  std::int64_t createdMs = 0;
  bool revoked = false;
  bool configured = false;  ///< by a flag or a file of the operator, who alone can change it

  bool expired(std::int64_t nowMs) const noexcept { return expiresAtMs && *expiresAtMs <= nowMs; }
  /// Whether a client may join with it; if not, why.
  enum class State { good, revoked, expired, usedUp };
  State state(std::int64_t nowMs, const std::optional<PublicKey>& key) const;
};

/// Whether a proof is HMAC(secret, challenge, clientId, publicKey); in constant time.
using ProofCheck =
    std::function<bool(std::string_view secret, std::span<const std::uint8_t> challenge, std::string_view clientId,
                       std::span<const std::uint8_t> publicKey, std::string_view proofHex)>;

class TokenTable {
 public:
  enum class Added { done, nameTaken, full };
  /// Replaces a token of that name that was revoked or has expired. A full table first forgets all such tokens.
  Added add(Token token, std::int64_t nowMs);
  /// Names from a file, checked there.
  void restore(Token token) { tokens_.push_back(std::move(token)); }
  Token* find(std::string_view name);
  const Token* find(std::string_view name) const;

  /// The token whose secret was proved, whatever its state. All are tried: the time does not tell which one it was.
  const Token* match(const ProofCheck& check, std::span<const std::uint8_t> challenge, std::string_view clientId,
                     const std::optional<PublicKey>& key, std::string_view proofHex) const;
  /// A client has joined. True: the table has changed. Only after state() was good.
  bool use(const std::string& name, const std::optional<PublicKey>& key);
  /// False: no such token, or it was revoked before.
  bool revoke(std::string_view name);
  /// The tokens that have expired since the last call.
  std::vector<std::string> takeExpired(std::int64_t nowMs);

  /// True with the first token, also a revoked one: taking the last away does not open a server.
  bool wanted() const noexcept { return !tokens_.empty(); }
  const std::vector<Token>& all() const noexcept { return tokens_; }

  static constexpr std::size_t kMaxTokens = 1'000;
  static constexpr unsigned kMaxUses = 1'000;

 private:
  std::vector<Token> tokens_;
  std::int64_t lookedAtMs_ = 0;  ///< by takeExpired()
};

}  // namespace chuantou::relay
