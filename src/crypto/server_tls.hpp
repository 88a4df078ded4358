// TLS between a client and the server: what the server shows, and what the client believes.
#pragma once

#include <optional>

#include "crypto/certificate.hpp"
#include "crypto/tls_session.hpp"

namespace chuantou::crypto {

/// Throws Error(system_error).
TlsContext makeServerContext(const KeyedCertificate& certificate);

/// With a pin the certificate's key must be that one, and nothing else is looked at. Without, the system's authorities
/// must vouch for it, in the name that TlsSession::expectHost() was told. Throws Error(system_error).
TlsContext makeServerClientContext(const std::optional<Fingerprint>& pin);

/// Whoever answers is believed: no more is known of the server than without TLS. Throws Error(system_error).
TlsContext makeUnverifiedClientContext();

/// After a handshake with such a context has failed: certificate_rejected with the reason and the fingerprint that was
/// seen, where it is that. `server` is who was called.
std::optional<Error> certificateError(const TlsSession& session, const std::string& server);

}  // namespace chuantou::crypto
