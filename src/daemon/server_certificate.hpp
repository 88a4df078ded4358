// The certificate that cts makes for itself at its first start.
#pragma once

#include <string>

namespace chuantou::daemon {

inline constexpr const char* kCertificateFileName = "server-cert.pem";
inline constexpr const char* kCertificateKeyFileName = "server-key.pem";

/// Makes what is missing. The key stays for ever, and with it the fingerprint that clients have pinned; the certificate
/// is renewed when it has a month left or cannot be read. `host` is what cts listens on; empty: all addresses.
/// Throws Error(bad_config) for a key file that cannot be used, and std::system_error.
void keepServerCertificate(const std::string& certificateFile, const std::string& keyFile, const std::string& host);

}  // namespace chuantou::daemon
