#include "relay/waiting_room.hpp"

namespace chuantou::relay {

std::optional<ChannelId> WaitingRoom::add(const DataKey& key, ChannelId channel, TimePoint now) {
  if (limit_ == 0 || waiting_.count(key) != 0) return channel;
  std::optional<ChannelId> evicted;
  if (waiting_.size() >= limit_) evicted = takeOldest();
  // Under pressure many leave from the middle: what is kept of them stays below what waits.
  if (order_.size() > 2 * waiting_.size() + 64) forgetLeavers();
  waiting_.emplace(key, channel);
  order_.push_back(Entry{key, channel, now + patience_});
  return evicted;
}

std::optional<ChannelId> WaitingRoom::takeOldest() {
  while (!order_.empty()) {
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

std::optional<ChannelId> WaitingRoom::take(const DataKey& key) {
  const auto it = waiting_.find(key);
  if (it == waiting_.end()) return std::nullopt;
  const ChannelId channel = it->second;
  waiting_.erase(it);
  if (waiting_.empty()) order_.clear();
  return channel;
}

bool WaitingRoom::remove(const DataKey& key, ChannelId channel) {
  const auto it = waiting_.find(key);
  if (it == waiting_.end() || it->second != channel) return false;
  take(key);
  return true;
}

void WaitingRoom::forgetLeavers() {
  std::erase_if(order_, [this](const Entry& entry) {
    const auto it = waiting_.find(entry.key);
    return it == waiting_.end() || it->second != entry.channel;
  });
}

std::optional<ChannelId> WaitingRoom::takeExpired(TimePoint now) {
  while (!order_.empty() && order_.front().until <= now) {
    const auto it = waiting_.find(order_.front().key);
    if (it != waiting_.end() && it->second == order_.front().channel) return takeOldest();
    order_.pop_front();
  }
  return std::nullopt;
}

}  // namespace chuantou::relay
