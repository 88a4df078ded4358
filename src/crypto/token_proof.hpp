// The proof of a token: HMAC-SHA-256 over the server's challenge, the client's id and its public key where it has one
// (docs/PROTOCOL.md, "Registering").
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace chuantou::crypto {

std::string tokenProof(std::string_view token, std::span<const std::uint8_t> challenge, std::string_view clientId,
                       std::span<const std::uint8_t> publicKey = {});
/// In constant time.
bool tokenProofMatches(std::string_view token, std::span<const std::uint8_t> challenge, std::string_view clientId,
                       std::span<const std::uint8_t> publicKey, std::string_view proofHex);

}  // namespace chuantou::crypto
