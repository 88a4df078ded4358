// Who is registered, and who was: names, their control connections and their share of sessions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "relay/now.hpp"

namespace chuantou::relay {

/// What a client proved when it registered.
struct Credentials {
  std::optional<PublicKey> key;
  bool temporaryKey = false;
  std::string token;  ///< its name; empty: none was wanted
  std::string group;
};

struct ClientRecord {
  ClientId id;
  Credentials proved;
  std::optional<ControlId> control;  ///< none: offline
  bool left = false;                 ///< on purpose, or removed: nobody need wait for it
  std::string address;
  TimePoint since{};
  std::int64_t registeredAtMs = 0;
  std::size_t sessions = 0;  ///< as initiator or target
  std::size_t awaited = 0;   ///< TCP sessions that wait for its data channel, as target
  std::optional<TimePoint> sessionsEndAt;  ///< it fell silent, and did not come back yet
  std::uint64_t departure = 0;  ///< the registry's: its place among those offline; 0: online
};

/// Offline clients are remembered, so that "offline" can be told from "unknown"; those gone longest are forgotten, except
/// while they have sessions.
class ClientRegistry {
 public:
  explicit ClientRegistry(std::size_t maxOnline) : maxOnline_(maxOnline) {}

  struct Registered {
    bool full = false;
    std::optional<ControlId> replaced;  ///< the connection that had the id before
  };
  Registered add(const ClientId& id, ControlId control, const std::string& address, Credentials proved, Now now);
  /// Takes the client offline if this connection is still the one that has it.
  void setOffline(const ClientId& id, ControlId control);

  ClientRecord* find(const ClientId& id);
  const ClientRecord* find(const ClientId& id) const;
  std::size_t online() const noexcept { return online_; }
  /// Online clients, by id.
  std::vector<const ClientRecord*> list() const;
  /// Those that joined by a token and are online, or have sessions that outlived their connection.
  std::vector<ClientId> joinedBy(std::string_view token) const;

  static constexpr std::size_t kMaxOffline = 10'000;

 private:
  void joinOffline(ClientRecord& record);

  std::size_t maxOnline_;
  std::size_t online_ = 0;
  std::unordered_map<ClientId, ClientRecord> records_;
  std::map<std::uint64_t, ClientId> offline_;  ///< by departure: one entry a client
  std::uint64_t departures_ = 0;
};

}  // namespace chuantou::relay
