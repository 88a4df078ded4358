#include "relay/client_registry.hpp"

#include <algorithm>

namespace chuantou::relay {

ClientRegistry::Registered ClientRegistry::add(const ClientId& id, ControlId control, const std::string& address,
                                               Credentials proved, Now now) {
  Registered out;
  auto it = records_.find(id);
  const bool isOnline = it != records_.end() && it->second.control.has_value();
  if (!isOnline && online_ >= maxOnline_) {
    out.full = true;
    return out;
  }
  ClientRecord& record = it == records_.end() ? records_[id] : it->second;
  if (isOnline) {
    out.replaced = record.control;
  } else {
    ++online_;
    offline_.erase(record.departure);
    record.departure = 0;
  }
  record.id = id;
  record.proved = std::move(proved);
  record.control = control;
  record.left = false;
  record.address = address;
  record.since = now.at;
  record.sessionsEndAt.reset();
  record.registeredAtMs = now.unixMs;
  return out;
}

void ClientRegistry::setOffline(const ClientId& id, ControlId control) {
  ClientRecord* record = find(id);
  if (!record || record->control != control) return;
  record->control.reset();
  --online_;
  joinOffline(*record);
  // Two looks for each that came, so that the table shrinks again after one with sessions had to stay.
  for (int looks = 0; looks < 2 && offline_.size() > kMaxOffline; ++looks) {
    const auto oldest = records_.find(offline_.begin()->second);
    offline_.erase(offline_.begin());
    if (oldest->second.sessions == 0) {
      records_.erase(oldest);
    } else {
      joinOffline(oldest->second);
    }
  }
}

void ClientRegistry::joinOffline(ClientRecord& record) {
  record.departure = ++departures_;
  offline_.emplace(record.departure, record.id);
}

ClientRecord* ClientRegistry::find(const ClientId& id) {
  const auto it = records_.find(id);
  return it == records_.end() ? nullptr : &it->second;
}

const ClientRecord* ClientRegistry::find(const ClientId& id) const {
  const auto it = records_.find(id);
  return it == records_.end() ? nullptr : &it->second;
}

std::vector<const ClientRecord*> ClientRegistry::list() const {
  std::vector<const ClientRecord*> out;
  out.reserve(online_);
  for (const auto& [id, record] : records_) {
    if (record.control) out.push_back(&record);
  }
  std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->id < b->id; });
  return out;
}

std::vector<ClientId> ClientRegistry::joinedBy(std::string_view token) const {
  std::vector<ClientId> out;
  for (const auto& [id, record] : records_) {
    if ((record.control || record.sessions > 0) && record.proved.token == token) out.push_back(id);
  }
  return out;
}

}  // namespace chuantou::relay
