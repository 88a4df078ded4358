// Data channels whose key is not known (yet): they can be faster than the request that announces them.
// Nobody reads a channel that waits, so one that its client has closed leaves with its deadline, or fails when paired.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>

#include "base/time.hpp"
#include "relay/session_table.hpp"

namespace chuantou::relay {

class WaitingRoom {
 public:
  WaitingRoom(std::size_t limit, Duration patience, RandomSource& random)
      : limit_(limit), patience_(patience), waiting_(16, DataKeyHash{random}) {}

  /// Returns a channel that must go: this one if its key waits already; the oldest if the room was full. An honest channel
  /// waits for a moment only, so that whoever fills the room with others loses those first.
  std::optional<ChannelId> add(const DataKey& key, ChannelId channel, TimePoint now);
  std::optional<ChannelId> take(const DataKey& key);
  /// The channel is closed. False: it does not wait.
  bool remove(const DataKey& key, ChannelId channel);
  /// One that has waited too long; call until it gives none.
  std::optional<ChannelId> takeExpired(TimePoint now);
  std::size_t size() const noexcept { return waiting_.size(); }

 private:
  std::optional<ChannelId> takeOldest();
  void forgetLeavers();
  struct Entry {
    DataKey key;
    ChannelId channel;
    TimePoint until;
  };
  std::size_t limit_;
  Duration patience_;
  std::unordered_map<DataKey, ChannelId, DataKeyHash> waiting_;
  std::deque<Entry> order_;  ///< oldest first; may name channels that have left
};

}  // namespace chuantou::relay
