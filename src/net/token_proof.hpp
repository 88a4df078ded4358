// The proof of a token: HMAC-SHA-256 over the server's challenge and the client's id (docs/PROTOCOL.md, "Registering").
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace chuantou::net {

std::string tokenProof(std::string_view token, std::span<const std::uint8_t> challenge, std::string_view clientId);
/// In constant time.
bool tokenProofMatches(std::string_view token, std::span<const std::uint8_t> challenge, std::string_view clientId,
                       std::string_view proofHex);

}  // namespace chuantou::net
