#include "engine/client/known_peers.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <system_error>

#include "net/state_file.hpp"

namespace chuantou::engine {

namespace {
constexpr std::size_t kMaxFile = KnownPeers::kMost * 160;
/// Later times do not fit into the system's clock.
constexpr std::int64_t kMaxSinceMs =
    std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::duration::max()).count();

std::string_view takeWord(std::string_view& rest) {
  const std::size_t end = rest.find(' ');
  const std::string_view word = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return word;
}
}  // namespace

Result<std::map<ClientId, KnownPeer>> parseKnownPeers(std::string_view text) {
  std::map<ClientId, KnownPeer> out;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto id = ClientId::parse(takeWord(line));
    const auto key = PublicKey::parse(takeWord(line));
    std::int64_t since = 0;
    const auto [at, ec] = std::from_chars(line.data(), line.data() + line.size(), since);
    const bool isTime = ec == std::errc{} && at == line.data() + line.size() && since >= 0 && since <= kMaxSinceMs;
    if (!id || !key || !isTime || out.size() >= KnownPeers::kMost) {
      return Error{Errc::bad_config, fmt::format("line {} of the known peers", number), "expected: ID KEY MILLISECONDS"};
    }
    out[*id] = KnownPeer{*key, since};
  }
  return out;
}

std::string formatKnownPeers(const std::map<ClientId, KnownPeer>& peers) {
  std::string out;
  for (const auto& [id, peer] : peers) out += fmt::format("{} {} {}\n", id.str(), peer.key.str(), peer.sinceMs);
  return out;
}

Result<KnownPeers> KnownPeers::load(std::string file) {
  KnownPeers out;
  out.file_ = std::move(file);
  if (out.file_.empty()) return out;
  try {
    auto peers = parseKnownPeers(net::readFile(out.file_, kMaxFile).value_or(""));
    if (!peers) return Error{Errc::bad_config, out.file_, peers.error().subject() + ": " + peers.error().detail()};
    out.peers_ = std::move(*peers);
  } catch (const std::system_error& error) {
    return Error{Errc::bad_config, out.file_, error.code().message()};
  }
  return out;
}

KnownPeers::Verdict KnownPeers::check(const ClientId& id, const PublicKey& key) const {
  const auto it = peers_.find(id);
  if (it == peers_.end()) return peers_.size() < kMost ? Verdict::unknown : Verdict::full;
  return it->second.key == key ? Verdict::same : Verdict::changed;
}

Result<bool> KnownPeers::remember(const ClientId& id, const PublicKey& key, std::int64_t nowMs) {
  if (peers_.size() >= kMost) return false;
  if (!peers_.emplace(id, KnownPeer{key, nowMs}).second) return false;
  return save();
}

Result<bool> KnownPeers::trust(const ClientId& id, const PublicKey& key, std::int64_t nowMs) {
  switch (check(id, key)) {
    case Verdict::same:
      return true;
    case Verdict::full:
      return Error{Errc::limit_reached, "the known peers", "forget some"};
    default:
      peers_[id] = KnownPeer{key, nowMs};
      return save();
  }
}

Result<bool> KnownPeers::forget(const ClientId& id) {
  if (peers_.erase(id) == 0) return false;
  return save();
}

Result<bool> KnownPeers::save() const {
  if (file_.empty()) return true;
  try {
    net::writeFileAtomically(file_, formatKnownPeers(peers_));
    return true;
  } catch (const std::system_error& error) {
    return Error{Errc::system_error, "writing " + file_, error.code().message()};
  }
}

}  // namespace chuantou::engine
