// Who this client is to its peers, and whom it believes to be a peer.
#pragma once

#include <map>
#include <optional>

#include "base/log.hpp"
#include "crypto/tls_session.hpp"
#include "engine/client/known_peers.hpp"
#include "wire/control_message.hpp"

namespace chuantou::engine {

/// On the client's thread, but for identity().
class PeerTrust {
 public:
  PeerTrust(crypto::Identity identity, KnownPeers known, const Logger& log)
      : identity_(std::move(identity)), known_(std::move(known)), log_(log) {}

  const crypto::Identity& identity() const noexcept { return identity_; }
  /// The key that the server says a peer has, against what is remembered. Errors: peer_key_changed, encryption_required
  /// (it has none), limit_reached.
  Result<PublicKey> judge(const ClientId& peer, const wire::PeerKey& told) const;
  /// The peer has proved that key, which is now of use. A key made for one run only is not worth remembering.
  void onProved(const ClientId& peer, const wire::PeerKey& told);
  KnownPeers& known() noexcept { return known_; }

  /// Made at the first carrier: a client that forwards nothing pays nothing for them.
  const crypto::TlsContext& context(crypto::TlsRole role);

  /// Of the last session with that peer, whose key is asked for after the handshake all the same. Null: none.
  const crypto::TlsTicket& ticketFor(const ClientId& peer) const;
  void keepTicket(const ClientId& peer, crypto::TlsTicket ticket);

 private:
  static constexpr std::size_t kMostTickets = 1'000;

  crypto::Identity identity_;
  KnownPeers known_;
  const Logger& log_;
  std::optional<crypto::TlsContext> contexts_[2];
  std::map<ClientId, crypto::TlsTicket> tickets_;
};

}  // namespace chuantou::engine
