// How a client tells its server from an impostor: TLS with the pinned key, or with a certificate that the system trusts.
#pragma once

#include <optional>

#include "base/endpoint_text.hpp"
#include "chuantou/client.hpp"
#include "crypto/server_tls.hpp"
#include "net/tls_handshake.hpp"

namespace chuantou::engine {

/// On the client's thread, but for the constructor.
class ServerTls {
 public:
  /// Throws Error(invalid_argument): a fingerprint that is none, or one where TLS is not asked for.
  ServerTls(const ClientConfig& config, const ServerUrl& url);

  bool wantedForData() const noexcept { return dataTls_; }

  /// With a ws:// URL whoever answers is believed, as without TLS.
  using Done = std::function<void(const Error* error, std::unique_ptr<net::TlsSocket> socket)>;
  /// On a connected socket. `done` runs once, unless it is cancelled. Null: `done` has run.
  std::shared_ptr<net::TlsHandshake> shakeHands(net::IoThread& thread, net::TcpSocket socket, Done done);

 private:
  Error errorOf(const crypto::TlsSession& session) const;

  ServerUrl url_;
  bool dataTls_;
  std::optional<crypto::Fingerprint> pin_;
  std::optional<crypto::TlsContext> context_;  ///< with the first connection
};

}  // namespace chuantou::engine
