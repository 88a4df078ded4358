// The keys by which peers were known at the first meeting, like ssh's known_hosts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace chuantou::engine {

struct KnownPeer {
  PublicKey key;
  std::int64_t sinceMs = 0;  ///< since 1970
};

/// With a file behind it, which is replaced whole at each change; without one, for as long as the client lives.
class KnownPeers {
 public:
  /// Errors: bad_config naming the line. `file` empty: none.
  static Result<KnownPeers> load(std::string file);

  enum class Verdict {
    unknown,
    same,
    changed,
    full,  ///< kMost peers are known, and this is another one
  };
  Verdict check(const ClientId& id, const PublicKey& key) const;
  /// Errors: system_error where the file cannot be written; it is remembered until the client ends all the same.
  Result<bool> remember(const ClientId& id, const PublicKey& key, std::int64_t nowMs);
  /// The same for a key that somebody vouches for, in place of the one remembered. Errors: also limit_reached.
  Result<bool> trust(const ClientId& id, const PublicKey& key, std::int64_t nowMs);
  /// False: it was not known.
  Result<bool> forget(const ClientId& id);
  const std::map<ClientId, KnownPeer>& all() const noexcept { return peers_; }

  static constexpr std::size_t kMost = 10'000;

 private:
  Result<bool> save() const;

  std::string file_;
  std::map<ClientId, KnownPeer> peers_;
};

/// One line a peer: "B ed25519:… 1700000000000". Errors: bad_config naming the line.
Result<std::map<ClientId, KnownPeer>> parseKnownPeers(std::string_view text);
std::string formatKnownPeers(const std::map<ClientId, KnownPeer>& peers);

}  // namespace chuantou::engine
