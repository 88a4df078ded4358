#include "engine/client/peer_trust.hpp"

#include <chrono>

namespace chuantou::engine {

Result<PublicKey> PeerTrust::judge(const ClientId& peer, const wire::PeerKey& told) const {
  if (!told.key) return Error{Errc::encryption_required, peer.str(), "it has no key"};
  switch (known_.check(peer, *told.key)) {
    case KnownPeers::Verdict::unknown:
    case KnownPeers::Verdict::same:
      return *told.key;
    case KnownPeers::Verdict::changed:
      return Error{Errc::peer_key_changed, peer.str(),
                   "remembered " + known_.all().at(peer).key.str() + ", now " + told.key->str()};
    case KnownPeers::Verdict::full:
      break;
  }
  return Error{Errc::limit_reached, "the known peers", "forget some"};
}

void PeerTrust::onProved(const ClientId& peer, const wire::PeerKey& told) {
  if (told.temporary || known_.check(peer, *told.key) != KnownPeers::Verdict::unknown) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto kept = known_.remember(peer, *told.key, std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  log_.log(LogLevel::info, "trust", "{} is known from now on by {}", peer.str(), told.key->str());
  if (!kept) log_.error(LogLevel::warn, "trust", kept.error());
}

const crypto::TlsContext& PeerTrust::context(crypto::TlsRole role) {
  auto& context = contexts_[static_cast<std::size_t>(role)];
  if (!context) context = crypto::makePeerContext(identity_, role);
  return *context;
}

const crypto::TlsTicket& PeerTrust::ticketFor(const ClientId& peer) const {
  static const crypto::TlsTicket kNone;
  const auto it = tickets_.find(peer);
  return it == tickets_.end() ? kNone : it->second;
}

void PeerTrust::keepTicket(const ClientId& peer, crypto::TlsTicket ticket) {
  if (!ticket) return;
  if (tickets_.size() >= kMostTickets && tickets_.count(peer) == 0) tickets_.erase(tickets_.begin());
  tickets_[peer] = std::move(ticket);
}

}  // namespace chuantou::engine
