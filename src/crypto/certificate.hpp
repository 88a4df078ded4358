// The server's certificate: its key's fingerprint, how one is made, and what is wrong with one that was given.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct x509_st;       // OpenSSL's X509
struct evp_pkey_st;   // OpenSSL's EVP_PKEY

namespace chuantou::crypto {

/// SHA-256 of a certificate's SubjectPublicKeyInfo (as in RFC 7469, section 2.4): a renewed certificate of the same key
/// keeps it.
struct Fingerprint {
  std::array<std::uint8_t, 32> bytes{};

  /// "sha256:" and 64 hexadecimal digits, of either case.
  static std::optional<Fingerprint> parse(std::string_view text);
  std::string str() const;
  bool operator==(const Fingerprint&) const = default;
};

/// Nothing for a certificate without a key that can be read.
std::optional<Fingerprint> fingerprintOf(const x509_st* certificate);

/// A PEM file that was read; the name is for messages.
struct PemFile {
  std::string name;
  std::string content;
};

struct CertificateInfo {
  Fingerprint fingerprint;
  std::chrono::system_clock::time_point expires;
};

/// A certificate with the chain that follows it in its file, and its key.
struct KeyedCertificate {
  std::shared_ptr<x509_st> certificate;
  std::vector<std::shared_ptr<x509_st>> chain;
  std::shared_ptr<evp_pkey_st> key;
  CertificateInfo info;
};

/// Errors: bad_config with the file's name: not PEM, a key that is another certificate's, expired.
Result<KeyedCertificate> readCertificate(const PemFile& certificate, const PemFile& key, std::chrono::system_clock::time_point now);
/// Of the first certificate in a PEM text. Errors: bad_config.
Result<CertificateInfo> inspectCertificate(const PemFile& certificate);

/// A new ECDSA P-256 key in PEM (browsers do not know Ed25519). Secret: for a file of mode 0600.
/// Throws Error(system_error).
std::string makeServerKey();
/// A self-signed certificate for that key, good for ten years, in PEM. `names` are host names and addresses.
/// Errors: bad_config.
Result<std::string> makeServerCertificate(const PemFile& key, const std::vector<std::string>& names);

}  // namespace chuantou::crypto
