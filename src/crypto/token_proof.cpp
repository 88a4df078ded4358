#include "crypto/token_proof.hpp"

#include "base/hex.hpp"
#include "crypto/hmac.hpp"

namespace chuantou::crypto {

namespace {

std::span<const std::uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

HmacSha256 proofBytes(std::string_view token, std::span<const std::uint8_t> challenge, std::string_view clientId,
                      std::span<const std::uint8_t> publicKey) {
  std::string message = "chuantou-register-v1";
  message.push_back('\0');
  message.append(challenge.begin(), challenge.end());
  message.push_back('\0');
  message.append(clientId);
  if (!publicKey.empty()) {
    message.push_back('\0');
    message.append(publicKey.begin(), publicKey.end());
  }
  return hmacSha256(bytesOf(token), bytesOf(message));
}

}  // namespace

std::string tokenProof(std::string_view token, std::span<const std::uint8_t> challenge, std::string_view clientId,
                       std::span<const std::uint8_t> publicKey) {
  return toHex(proofBytes(token, challenge, clientId, publicKey));
}

bool tokenProofMatches(std::string_view token, std::span<const std::uint8_t> challenge, std::string_view clientId,
                       std::span<const std::uint8_t> publicKey, std::string_view proofHex) {
  HmacSha256 given{};
  const bool wellFormed = fromHex(proofHex, given);
  const auto expected = proofBytes(token, challenge, clientId, publicKey);
  return sameMac(given, expected) && wellFormed;
}

}  // namespace chuantou::crypto
