#include "crypto/hmac.hpp"

#include <catch2/catch.hpp>

#include "support/bytes.hpp"

using namespace chuantou;
using test::bytesOf;

TEST_CASE("HMAC of RFC 2202 and RFC 4231", "[crypto][hmac]") {
  const auto key = bytesOf("Jefe");
  const auto message = bytesOf("what do ya want for nothing?");
  CHECK(toHex(crypto::hmacSha1(key, message)) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  CHECK(toHex(crypto::hmacSha256(key, message)) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::vector<std::uint8_t> longKey(80, 0xaa);  // longer than the hash's block
  CHECK(toHex(crypto::hmacSha1(longKey, bytesOf("Test Using Larger Than Block-Size Key - Hash Key First"))) ==
        "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

TEST_CASE("HMAC of nothing, with nothing", "[crypto][hmac]") {
  CHECK(toHex(crypto::hmacSha1({}, {})) == "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
  CHECK(toHex(crypto::hmacSha256({}, {})) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("two MACs are the same", "[crypto][hmac]") {
  const auto mac = crypto::hmacSha1({}, {});
  auto other = mac;
  CHECK(crypto::sameMac(mac, other));
  CHECK_FALSE(crypto::sameMac(mac, std::span{other}.first(19)));
  other[19] ^= 1;
  CHECK_FALSE(crypto::sameMac(mac, other));
}
