// Flows by their key (a source address), with a limit and an idle time: UDP's idea of a connection.
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/time.hpp"

namespace chuantou::stream {

/// Least recently used first, so that expiry looks at the front only. Not thread-safe.
template <class Key, class Flow, class Hash = std::hash<Key>>
class FlowTable {
 public:
  FlowTable(std::size_t limit, Duration idle) : limit_(limit), idle_(idle) {}

  /// The flow, now used. Null where there is none; the pointer is valid until the flow is removed.
  Flow* touch(const Key& key, TimePoint now) {
    const auto it = index_.find(key);
    if (it == index_.end()) return nullptr;
    it->second->usedAt = now;
    order_.splice(order_.end(), order_, it->second);
    return &it->second->flow;
  }
  Flow* find(const Key& key) {
    const auto it = index_.find(key);
    return it == index_.end() ? nullptr : &it->second->flow;
  }
  /// Null when the table is full, or the key is there.
  Flow* add(const Key& key, Flow flow, TimePoint now) {
    if (index_.size() >= limit_ || index_.count(key) != 0) return nullptr;
    order_.push_back(Entry{key, std::move(flow), now});
    index_.emplace(key, std::prev(order_.end()));
    return &order_.back().flow;
  }
  bool remove(const Key& key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return false;
    order_.erase(it->second);
    index_.erase(it);
    return true;
  }
  /// Takes out one flow that has been idle for the idle time; call until it gives none.
  std::optional<std::pair<Key, Flow>> takeIdle(TimePoint now) {
    if (order_.empty() || order_.front().usedAt + idle_ > now) return std::nullopt;
    std::pair<Key, Flow> out{std::move(order_.front().key), std::move(order_.front().flow)};
    index_.erase(out.first);
    order_.pop_front();
    return out;
  }
  /// When takeIdle() will give something, if nothing is used until then.
  std::optional<TimePoint> nextExpiry() const {
    if (order_.empty()) return std::nullopt;
    return order_.front().usedAt + idle_;
  }
  std::size_t size() const noexcept { return index_.size(); }
  template <class F>
  void forEach(F&& f) {
    for (Entry& entry : order_) f(entry.key, entry.flow);
  }
  void clear() {
    index_.clear();
    order_.clear();
  }

 private:
  struct Entry {
    Key key;
    Flow flow;
    TimePoint usedAt;
  };
  std::size_t limit_;
  Duration idle_;
  std::list<Entry> order_;
  std::unordered_map<Key, typename std::list<Entry>::iterator, Hash> index_;
};

}  // namespace chuantou::stream
