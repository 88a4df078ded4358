#include "crypto/hmac.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "chuantou/error.hpp"

namespace chuantou::crypto {

namespace {

template <class Mac>
Mac hmac(const EVP_MD* hash, std::span<const std::uint8_t> key, std::span<const std::uint8_t> message) {
  Mac out{};
  unsigned length = 0;
  // OpenSSL wants pointers that are not null also where there is nothing.
  const std::uint8_t none = 0;
  if (HMAC(hash, key.empty() ? &none : key.data(), static_cast<int>(key.size()),
           message.empty() ? &none : message.data(), message.size(), out.data(), &length) == nullptr ||
      length != out.size()) {
    throw Error{Errc::system_error, "HMAC"};
  }
  return out;
}

}  // namespace

HmacSha1 hmacSha1(std::span<const std::uint8_t> key, std::span<const std::uint8_t> message) {
  return hmac<HmacSha1>(EVP_sha1(), key, message);
}

HmacSha256 hmacSha256(std::span<const std::uint8_t> key, std::span<const std::uint8_t> message) {
  return hmac<HmacSha256>(EVP_sha256(), key, message);
}

bool sameMac(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace chuantou::crypto
