// DATA_DIR/identity.pem: the key that this client is, to be looked at, copied away and brought back while no ctc runs.
#pragma once

#include <optional>
#include <string>

#include "chuantou/error.hpp"
#include "crypto/identity.hpp"

namespace chuantou::daemon {

inline constexpr const char* kIdentityFileName = "identity.pem";
inline constexpr const char* kKnownPeersFileName = "known_peers";

/// Nothing where the file is missing. Throws Failure naming the file: it cannot be read, or holds no Ed25519 key.
std::optional<crypto::Identity> readIdentity(const std::string& file, Language language);

/// Writes the private key to a file of mode 0600. Throws Failure: the file exists and not `force`, or cannot be
/// written.
void exportIdentity(const crypto::Identity& identity, const std::string& file, bool force, Language language);

/// Makes `identity` that of the data dir, which is made where it is missing. Throws Failure, with nothing changed: a
/// ctc runs with this data dir, or it has another identity (or a damaged one) and not `force`.
void importIdentity(const crypto::Identity& identity, const std::string& dataDir, bool force, Language language);

}  // namespace chuantou::daemon
