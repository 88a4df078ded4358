#include "crypto/token_proof.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <numeric>

using namespace chuantou::crypto;

namespace {
std::array<std::uint8_t, 32> counting() {
  std::array<std::uint8_t, 32> out{};
  std::iota(out.begin(), out.end(), std::uint8_t{0});
  return out;
}
}  // namespace

TEST_CASE("the proof of a token, by another implementation of HMAC", "[crypto][token]") {
  // Python: hmac.new(b'secret', b'chuantou-register-v1\0' + bytes(range(32)) + b'\0B', hashlib.sha256).hexdigest()
  CHECK(tokenProof("secret", counting(), "B") == "b7947a5fe4f3c10acf1fad98aaaa1c2219182adc0d0a0abffed0aa027757a7a6");
}

TEST_CASE("only the right proof matches", "[crypto][token]") {
  const auto challenge = counting();
  const std::string good = tokenProof("secret", challenge, "B");
  CHECK(tokenProofMatches("secret", challenge, "B", {}, good));
  CHECK_FALSE(tokenProofMatches("secret", challenge, "A", {}, good));
  CHECK_FALSE(tokenProofMatches("Secret", challenge, "B", {}, good));
  auto other = challenge;
  other[31] ^= 1;
  CHECK_FALSE(tokenProofMatches("secret", other, "B", {}, good));
  for (const std::string& bad : {std::string{}, good.substr(1), good + "0", std::string(64, 'z'), std::string(64, '0')}) {
    CHECK_FALSE(tokenProofMatches("secret", challenge, "B", {}, bad));
  }
}

TEST_CASE("the proof of a client that has a key holds for that key only", "[crypto][token]") {
  const auto challenge = counting();
  const auto key = counting();
  // Python: hmac.new(b'secret', b'chuantou-register-v1\0' + bytes(range(32)) + b'\0B\0' + bytes(range(32)), hashlib.sha256)
  const std::string proof = tokenProof("secret", challenge, "B", key);
  CHECK(proof == "feff85345901f5b0fd26c6990bab40a191d9faf47b7247263b95bb346a6fee25");
  CHECK(tokenProofMatches("secret", challenge, "B", key, proof));
  auto other = key;
  other[0] ^= 1;
  CHECK_FALSE(tokenProofMatches("secret", challenge, "B", other, proof));
  CHECK_FALSE(tokenProofMatches("secret", challenge, "B", {}, proof));
}
