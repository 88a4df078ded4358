#include "crypto/identity.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "crypto/openssl_error.hpp"

namespace chuantou::crypto {

namespace {

using KeyPointer = std::shared_ptr<EVP_PKEY>;
using ContextPointer = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using BioPointer = std::unique_ptr<BIO, decltype(&BIO_free)>;

/// A key file is a few hundred bytes.
constexpr std::size_t kMaxPem = 16 * 1024;

}  // namespace

Identity::Identity(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {
  std::size_t size = publicKey_.bytes.size();
  if (EVP_PKEY_get_raw_public_key(key_.get(), publicKey_.bytes.data(), &size) != 1) throw opensslError("reading a public key");
}

Identity Identity::generate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (!key) throw opensslError("making a key");
  return Identity{KeyPointer{key, EVP_PKEY_free}};
}

Result<Identity> Identity::fromPem(std::string_view pem) {
  const auto bad = [](const char* why) { return Error{Errc::bad_config, "the identity", why}; };
  if (pem.size() > kMaxPem) return bad("the file is too long");
  const BioPointer bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
  // Without a callback OpenSSL would ask the terminal for a password.
  const auto noPassword = [](char*, int, int, void*) { return 0; };
  KeyPointer key{bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, noPassword, nullptr) : nullptr, EVP_PKEY_free};
  clearOpensslErrors();
  if (!key) return bad("it is no private key in PEM");
  if (EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) return bad("it is not an Ed25519 key");
  return Identity{std::move(key)};
}

std::string Identity::pem() const {
  const BioPointer bio{BIO_new(BIO_s_mem()), BIO_free};
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    throw opensslError("writing a key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Signature Identity::sign(std::string_view message) const {
  Signature out{};
  std::size_t size = out.size();
  const ContextPointer context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), out.data(), &size, reinterpret_cast<const unsigned char*>(message.data()), message.size()) != 1) {
    throw opensslError("signing");
  }
  return out;
}

bool verify(const PublicKey& key, std::string_view message, std::span<const std::uint8_t> signature) {
  if (signature.size() != Signature{}.size()) return false;
  const KeyPointer native{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()), EVP_PKEY_free};
  const ContextPointer context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  const bool good = native && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, native.get()) == 1 &&
                    EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                     reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
  clearOpensslErrors();
  return good;
}

std::string registrationMessage(std::span<const std::uint8_t> challenge, std::string_view clientId) {
  std::string message = "chuantou-identity-v1";
  message.push_back('\0');
  message.append(challenge.begin(), challenge.end());
  message.push_back('\0');
  message.append(clientId);
  return message;
}

}  // namespace chuantou::crypto
