#include "relay/name_book.hpp"

#include <algorithm>

namespace chuantou::relay {

const NameRecord* NameBook::find(const ClientId& name) const {
  const auto it = names_.find(name);
  return it == names_.end() ? nullptr : &it->second.record;
}

std::optional<NameRecord> NameBook::visit(const ClientId& name, const PublicKey& owner, const std::string& token,
                                          std::int64_t nowMs) {
  const auto [it, fresh] = names_.try_emplace(name);
  Entry& entry = it->second;
  NameRecord& record = entry.record;
  if (fresh) record = NameRecord{name, owner, token, nowMs, nowMs};
  const bool worthStoring = fresh || record.token != token || nowMs - entry.storedMs >= kVisitGrainMs;
  record.token = token;
  record.lastSeenMs = nowMs;
  if (!worthStoring) return std::nullopt;
  entry.storedMs = nowMs;
  return record;
}

bool NameBook::release(const ClientId& name) { return names_.erase(name) != 0; }

void NameBook::restore(NameRecord record) {
  const ClientId name = record.name;
  const std::int64_t storedMs = record.lastSeenMs;
  names_[name] = Entry{std::move(record), storedMs};
}

bool isMadeUpName(const ClientId& name) {
  const std::string& text = name.str();
  return text.size() == 18 && text.compare(0, 2, "c-") == 0 && std::all_of(text.begin() + 2, text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace chuantou::relay
