// A client's identity: an Ed25519 key pair (RFC 8032), and what is proved with it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace chuantou::crypto {

using Signature = std::array<std::uint8_t, 64>;

/// Copies share the key. Threads: safe from any.
class Identity {
 public:
  /// Throws Error(system_error) where the system gives no random bytes.
  static Identity generate();
  /// A private key in PEM (PKCS #8, not encrypted). Errors: bad_config.
  static Result<Identity> fromPem(std::string_view pem);
  /// Secret: for a file of mode 0600.
  std::string pem() const;

  const PublicKey& publicKey() const noexcept { return publicKey_; }
  Signature sign(std::string_view message) const;
  evp_pkey_st* native() const noexcept { return key_.get(); }

 private:
  explicit Identity(std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;
  PublicKey publicKey_;
};

bool verify(const PublicKey& key, std::string_view message, std::span<const std::uint8_t> signature);

/// What a client signs to register (docs/PROTOCOL.md, "Registering").
std::string registrationMessage(std::span<const std::uint8_t> challenge, std::string_view clientId);

}  // namespace chuantou::crypto
