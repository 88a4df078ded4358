// The sessions: who relays to whom, and by which keys the two sides join.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/ids.hpp"
#include "base/random.hpp"
#include "relay/now.hpp"
#include "wire/control_message.hpp"

namespace chuantou::relay {

/// A data channel at the server, from its preface on; never reused.
enum class ChannelId : std::uint64_t {};

enum class Side : std::uint8_t { initiator = 0, target = 1 };
inline Side other(Side side) { return side == Side::initiator ? Side::target : Side::initiator; }

struct Session {
  SessionId id{};
  std::array<ClientId, 2> client;  ///< by Side
  std::array<DataKey, 2> key;
  std::array<std::optional<ChannelId>, 2> channel;
  std::uint16_t port = 0;
  std::string host;    ///< as the initiator gave it; for a target that is told again
  bool plain = false;  ///< without encryption; likewise
  wire::Transport transport = wire::Transport::tcp;
  std::optional<UdpSession> udp;  ///< the initiator's number; the target's is peerOf() it
  TimePoint createdAt{};
  bool joined = false;  ///< TCP: both channels came; UDP: the target accepted

  const ClientId& clientOf(Side side) const { return client[static_cast<std::size_t>(side)]; }
  const DataKey& keyOf(Side side) const { return key[static_cast<std::size_t>(side)]; }
};

class SessionTable {
 public:
  explicit SessionTable(RandomSource& random) : random_(random), keys_(16, DataKeyHash{random}) {}

  /// Null when the initiator's key is known already.
  Session* add(const ClientId& from, const ClientId& to, const DataKey& initiatorKey, std::uint16_t port,
               wire::Transport transport, TimePoint now);
  Session* find(SessionId id);
  struct Place {
    Session* session;
    Side side;
  };
  /// The session that a data channel's key opens; the key is used up.
  std::optional<Place> takeKey(const DataKey& key);
  void remove(SessionId id);
  std::size_t size() const noexcept { return sessions_.size(); }
  const std::unordered_map<std::uint64_t, Session>& all() const noexcept { return sessions_; }

 private:
  struct KeyUse {
    SessionId session;
    Side side;
  };
  UdpSession freeUdpNumber();

  RandomSource& random_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, Session> sessions_;
  std::unordered_map<DataKey, KeyUse, DataKeyHash> keys_;
  std::unordered_map<std::uint32_t, SessionId> udp_;
};

}  // namespace chuantou::relay
