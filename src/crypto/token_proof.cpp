#include "crypto/token_proof.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "base/hex.hpp"
#include "chuantou/error.hpp"

namespace chuantou::crypto {

namespace {

std::array<std::uint8_t, 32> proofBytes(std::string_view token, std::span<const std::uint8_t> challenge,
                                        std::string_view clientId, std::span<const std::uint8_t> publicKey) {
  std::string message = "chuantou-register-v1";
  message.push_back('\0');
  message.append(challenge.begin(), challenge.end());
  message.push_back('\0');
  message.append(clientId);
  if (!publicKey.empty()) {
    message.push_back('\0');
    message.append(publicKey.begin(), publicKey.end());
  }
  std::array<std::uint8_t, 32> out{};
  unsigned length = 0;
  if (!HMAC(EVP_sha256(), token.data(), static_cast<int>(token.size()),
            reinterpret_cast<const unsigned char*>(message.data()), message.size(), out.data(), &length) ||
      length != out.size()) {
    throw Error{Errc::system_error, "HMAC-SHA-256"};
  }
  return out;
}

}  // namespace

std::string tokenProof(std::string_view token, std::span<const std::uint8_t> challenge, std::string_view clientId,
                       std::span<const std::uint8_t> publicKey) {
  return toHex(proofBytes(token, challenge, clientId, publicKey));
}

bool tokenProofMatches(std::string_view token, std::span<const std::uint8_t> challenge, std::string_view clientId,
                       std::span<const std::uint8_t> publicKey, std::string_view proofHex) {
  std::array<std::uint8_t, 32> given{};
  const bool wellFormed = fromHex(proofHex, given);
  const auto expected = proofBytes(token, challenge, clientId, publicKey);
  return CRYPTO_memcmp(given.data(), expected.data(), expected.size()) == 0 && wellFormed;
}

}  // namespace chuantou::crypto
