#include "engine/client/peer_way_log.hpp"

#include <algorithm>

namespace chuantou::engine {

TransportLog& PeerWayLog::waysTo(const ClientId& peer) {
  const auto found = peers_.find(peer);
  if (found == peers_.end() && peers_.size() >= kMost) {
    peers_.erase(std::min_element(peers_.begin(), peers_.end(), [](const auto& a, const auto& b) { return a.second.turn < b.second.turn; }));
  }
  Entry& entry = peers_[peer];
  entry.turn = ++turn_;
  return entry.ways;
}

void PeerWayLog::succeeded(const ClientId& peer, std::string_view way, const std::string& where, Duration took) {
  waysTo(peer).succeeded(std::string{way}, where, took);
}

void PeerWayLog::failed(const ClientId& peer, std::string_view way, const std::string& where, const Error& error) {
  waysTo(peer).failed(std::string{way}, where, error.what());
}

std::vector<PeerWays> PeerWayLog::all() const {
  std::vector<PeerWays> out;
  for (const auto& [peer, entry] : peers_) out.push_back(PeerWays{peer.str(), entry.ways.all()});
  return out;
}

}  // namespace chuantou::engine
