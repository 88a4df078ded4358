// What this machine's processor does by itself.
#pragma once

namespace chuantou::crypto {

/// AES and carry-less multiplication: AES-GCM is then several times as fast as ChaCha20-Poly1305, otherwise slower.
bool hasAesInstructions() noexcept;

}  // namespace chuantou::crypto
