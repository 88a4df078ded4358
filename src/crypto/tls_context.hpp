// The settings that TLS sessions of one kind share: keys, what is believed, ciphers.
#pragma once

#include <memory>

#include "crypto/identity.hpp"

struct ssl_ctx_st;

namespace chuantou::crypto {

/// Copies share the settings; sessions keep them alive.
class TlsContext {
 public:
  explicit TlsContext(std::shared_ptr<ssl_ctx_st> native) : native_(std::move(native)) {}
  ssl_ctx_st* native() const noexcept { return native_.get(); }

 private:
  std::shared_ptr<ssl_ctx_st> native_;
};

enum class TlsRole { client, server };

/// TLS 1.3 with the ciphers, buffers and modes that all of ours have; no certificate, and nobody is believed.
/// Throws Error(system_error).
TlsContext makeTlsContext(TlsRole role);

/// Between two clients: both show a self-signed certificate of their identity's key. Any Ed25519 key is let through; whose
/// it is must be asked after the handshake (TlsSession::peerKey). Throws Error(system_error).
TlsContext makePeerContext(const Identity& identity, TlsRole role);

}  // namespace chuantou::crypto
