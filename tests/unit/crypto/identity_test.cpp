#include "crypto/identity.hpp"

#include <catch2/catch.hpp>

#include "base/hex.hpp"

using namespace chuantou;
using namespace chuantou::crypto;

namespace {
// RFC 8032, section 7.1, test 2: the secret key in PKCS #8 (RFC 8410), its public key, and its signature of the byte 72.
constexpr const char* kPem =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END PRIVATE KEY-----\n";
constexpr const char* kPublic = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
constexpr const char* kSignature =
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
}  // namespace

TEST_CASE("an identity signs as RFC 8032 says", "[crypto][identity]") {
  const auto identity = Identity::fromPem(kPem);
  REQUIRE(identity);
  CHECK(identity.value().publicKey().str() == std::string{"ed25519:"} + kPublic);
  const Signature signature = identity.value().sign("r");
  CHECK(toHex(signature) == kSignature);
  CHECK(verify(identity.value().publicKey(), "r", signature));
  CHECK_FALSE(verify(identity.value().publicKey(), "s", signature));
  CHECK_FALSE(verify(Identity::generate().publicKey(), "r", signature));
  auto wrong = signature;
  wrong[63] ^= 1;
  CHECK_FALSE(verify(identity.value().publicKey(), "r", wrong));
  CHECK_FALSE(verify(identity.value().publicKey(), "r", std::span{signature}.first(63)));
  CHECK_FALSE(verify(identity.value().publicKey(), "r", {}));
}

TEST_CASE("an identity survives its file", "[crypto][identity]") {
  const Identity made = Identity::generate();
  const auto read = Identity::fromPem(made.pem());
  REQUIRE(read);
  CHECK(read.value().publicKey() == made.publicKey());
  CHECK(made.publicKey() != Identity::generate().publicKey());
}

TEST_CASE("what is no Ed25519 key in PEM is refused", "[crypto][identity]") {
  // An RSA key's header with nonsense, an encrypted key (no password is asked for), and a key of another curve.
  const std::string p256 =
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"
      "OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"
      "1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"
      "-----END PRIVATE KEY-----\n";
  for (const std::string& bad : {std::string{}, std::string{"hello"}, std::string{"-----BEGIN PRIVATE KEY-----\n"},
                                 std::string{kPem}.substr(0, 80), p256, std::string(20'000, 'a')}) {
    const auto read = Identity::fromPem(bad);
    REQUIRE_FALSE(read);
    CHECK(read.error().errc() == Errc::bad_config);
  }
}

TEST_CASE("a public key's text", "[crypto][identity]") {
  const auto key = PublicKey::parse(std::string{"ed25519:"} + kPublic);
  REQUIRE(key);
  CHECK(PublicKey::parse(kPublic) == key);
  for (const std::string& bad : {std::string{}, std::string{"ed25519:"}, std::string{kPublic}.substr(1), std::string{kPublic} + "0",
                                 "ed448:" + std::string{kPublic}, std::string(64, 'g')}) {
    CHECK_FALSE(PublicKey::parse(bad));
  }
}
