#include "relay/waiting_room.hpp"

namespace chuantou::relay {

bool WaitingRoom::add(const DataKey& key, ChannelId channel, TimePoint now) {
  if (waiting_.size() >= limit_) return false;
  if (!waiting_.emplace(key, channel).second) return false;
  order_.push_back(Entry{key, channel, now + patience_});
  return true;
}

std::optional<ChannelId> WaitingRoom::take(const DataKey& key) {
  const auto it = waiting_.find(key);
  if (it == waiting_.end()) return std::nullopt;
  const ChannelId channel = it->second;
  waiting_.erase(it);
  if (waiting_.empty()) order_.clear();
  return channel;
}

std::optional<ChannelId> WaitingRoom::takeExpired(TimePoint now) {
  while (!order_.empty() && order_.front().until <= now) {
    const Entry entry = order_.front();
    order_.pop_front();
    const auto it = waiting_.find(entry.key);
    if (it != waiting_.end() && it->second == entry.channel) {
      waiting_.erase(it);
      return entry.channel;
    }
  }
  return std::nullopt;
}

}  // namespace chuantou::relay
