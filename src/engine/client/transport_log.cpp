#include "engine/client/transport_log.hpp"

namespace chuantou::engine {

TransportInfo* TransportLog::entry(const std::string& kind, const std::string& where) {
  const auto key = std::pair{kind, where};
  if (entries_.size() >= kMost && entries_.count(key) == 0) return nullptr;
  TransportInfo& info = entries_[key];
  info.kind = kind;
  info.where = where;
  return &info;
}

void TransportLog::succeeded(const std::string& kind, const std::string& where, Duration took) {
  TransportInfo* info = entry(kind, where);
  if (!info) return;
  info->ok = true;
  ++info->successes;
  info->latency = std::chrono::duration_cast<std::chrono::microseconds>(took);
}

void TransportLog::failed(const std::string& kind, const std::string& where, const std::string& why) {
  TransportInfo* info = entry(kind, where);
  if (!info) return;
  info->ok = false;
  ++info->failures;
  info->lastError = why;
}

std::vector<TransportInfo> TransportLog::all() const {
  std::vector<TransportInfo> out;
  for (const auto& [key, info] : entries_) out.push_back(info);
  return out;
}

}  // namespace chuantou::engine
