// Which names belong to which keys: the first key that registers a name owns it, also while it is away.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"

namespace chuantou::relay {

struct NameRecord {
  ClientId name;
  PublicKey owner;
  std::string token;  ///< the one that it joined with last; empty: none was wanted
  std::int64_t firstSeenMs = 0;
  std::int64_t lastSeenMs = 0;  ///< since 1970, as the next
};

class NameBook {
 public:
  explicit NameBook(std::size_t limit = kDefaultLimit) : limit_(limit) {}

  const NameRecord* find(const ClientId& name) const;
  bool full() const noexcept { return names_.size() >= limit_; }
  /// The owner is here, or comes to own a name that nobody does. What is to be stored: a visit soon after the last one
  /// that was is not worth a write.
  std::optional<NameRecord> visit(const ClientId& name, const PublicKey& owner, const std::string& token,
                                  std::int64_t nowMs);
  /// False: nobody owned it.
  bool release(const ClientId& name);

  /// What was stored before; beyond the limit too, as owners do not lose their names by a smaller one.
  void restore(NameRecord record);
  std::size_t size() const noexcept { return names_.size(); }

  static constexpr std::size_t kDefaultLimit = 100'000;
  static constexpr std::int64_t kVisitGrainMs = 24 * 3600 * 1000;

 private:
  struct Entry {
    NameRecord record;
    std::int64_t storedMs = 0;  ///< the visit that was stored last
  };
  std::size_t limit_;
  std::unordered_map<ClientId, Entry> names_;
};

/// "c-" and 16 hexadecimal digits: made up by a server for a client that has none, and never owned.
bool isMadeUpName(const ClientId& name);

}  // namespace chuantou::relay
