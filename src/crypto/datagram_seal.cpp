#include "crypto/datagram_seal.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string_view>

#include "base/bytes.hpp"
#include "crypto/openssl_error.hpp"
#include "crypto/tls_session.hpp"

namespace chuantou::crypto {

namespace {

constexpr const char* kLabel = "EXPORTER-chuantou-datagrams";

/// Fetched once: asking by name costs more than sealing a short datagram.
const EVP_CIPHER* cipherOf(const SealKey& key) {
  static const EVP_CIPHER* aes = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  static const EVP_CIPHER* chaCha20 = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  return key.chaCha20 ? chaCha20 : aes;
}

std::shared_ptr<EVP_CIPHER_CTX> makeCipher(const SealKey& key, bool encrypt) {
  std::shared_ptr<EVP_CIPHER_CTX> context{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
  if (!context || EVP_CipherInit_ex2(context.get(), cipherOf(key), key.key.data(), nullptr, encrypt ? 1 : 0, nullptr) != 1) {
    throw opensslError("sealing datagrams");
  }
  return context;
}

std::array<std::uint8_t, 12> nonceOf(const std::array<std::uint8_t, 12>& iv, std::uint64_t number) {
  std::array<std::uint8_t, 12> nonce = iv;
  for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] ^= static_cast<std::uint8_t>(number >> (56 - 8 * i));
  return nonce;
}

SealKey cut(std::span<const std::uint8_t> secret, bool chaCha20) {
  SealKey key;
  std::copy_n(secret.begin(), key.key.size(), key.key.begin());
  std::copy_n(secret.begin() + static_cast<std::ptrdiff_t>(key.key.size()), key.iv.size(), key.iv.begin());
  key.chaCha20 = chaCha20;
  return key;
}

}  // namespace

SealKeys exportSealKeys(const TlsSession& session, std::span<const std::uint8_t> context) {
  std::array<std::uint8_t, 2 * (32 + 12)> secret{};
  session.exportSecret(kLabel, context, secret);
  const std::span all{secret};
  return {cut(all.first(44), session.usesChaCha20()), cut(all.subspan(44), session.usesChaCha20())};
}

SealKey nextSealKey(const SealKey& key) {
  static constexpr std::string_view kStep = "chuantou-seal-next";
  std::array<std::uint8_t, kStep.size() + 1> message{};
  std::copy(kStep.begin(), kStep.end(), message.begin());
  std::array<std::uint8_t, 64> out{};
  for (std::uint8_t half = 0; half < 2; ++half) {
    message.back() = static_cast<std::uint8_t>(half + 1);
    if (!HMAC(EVP_sha256(), key.key.data(), static_cast<int>(key.key.size()), message.data(), message.size(), out.data() + 32 * half, nullptr)) {
      throw opensslError("sealing datagrams");
    }
  }
  return cut(std::span{out}.first(44), key.chaCha20);
}

DatagramSealer::DatagramSealer(const SealKey& key, std::uint64_t epoch) : cipher_(makeCipher(key, true)), key_(key), epoch_(epoch) {}

void DatagramSealer::seal(std::span<const std::uint8_t> datagram, std::span<std::uint8_t> out) {
  const std::uint64_t number = next_++;
  if (number > 0 && number % epoch_ == 0) {
    key_ = nextSealKey(key_);
    cipher_ = makeCipher(key_, true);
  }
  storeU64(out.data(), number);
  const auto nonce = nonceOf(key_.iv, number);
  EVP_CIPHER_CTX* c = cipher_.get();
  int size = 0;
  int last = 0;
  if (EVP_EncryptInit_ex2(c, nullptr, nullptr, nonce.data(), nullptr) != 1 ||
      EVP_EncryptUpdate(c, out.data() + kSealNumber, &size, datagram.data(), static_cast<int>(datagram.size())) != 1 ||
      EVP_EncryptFinal_ex(c, out.data() + kSealNumber + size, &last) != 1 ||
      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, kSealTag, out.data() + kSealNumber + datagram.size()) != 1) {
    throw opensslError("sealing datagrams");
  }
}

bool ReplayWindow::isNew(std::uint64_t number) const noexcept {
  if (!any_ || number > newest_) return true;
  if (newest_ - number >= kSize) return false;
  return (words_[number / 64 % kWords] >> (number % 64) & 1) == 0;
}

void ReplayWindow::mark(std::uint64_t number) noexcept {
  if (!any_ || number > newest_) {
    // The words between the old newest and the new one are of numbers that have not been seen.
    const std::uint64_t from = any_ ? newest_ / 64 : number / 64;
    const std::uint64_t to = number / 64;
    for (std::uint64_t word = from + 1; word <= to && word - from <= kWords; ++word) words_[word % kWords] = 0;
    newest_ = number;
    any_ = true;
  }
  words_[number / 64 % kWords] |= std::uint64_t{1} << (number % 64);
}

DatagramOpener::DatagramOpener(const SealKey& key, std::uint64_t epoch) : epoch_(epoch) { at(0) = Epoch{key, makeCipher(key, false)}; }

std::optional<std::span<std::uint8_t>> DatagramOpener::open(std::span<std::uint8_t> sealed) {
  if (sealed.size() < kSealOverhead) return std::nullopt;
  const std::uint64_t number = loadU64(sealed.data());
  if (!window_.isNew(number)) return std::nullopt;
  const std::uint64_t index = number / epoch_;
  if (index > current_ + 1 || index + 1 < current_) return std::nullopt;
  if (index == current_ + 1) {
    const SealKey next = nextSealKey(at(current_).key);
    at(index) = Epoch{next, makeCipher(next, false)};
  }
  const auto text = sealed.subspan(kSealNumber, sealed.size() - kSealOverhead);
  const auto nonce = nonceOf(at(index).key.iv, number);
  EVP_CIPHER_CTX* c = at(index).cipher.get();
  int size = 0;
  int last = 0;
  const bool good = EVP_DecryptInit_ex2(c, nullptr, nullptr, nonce.data(), nullptr) == 1 &&
                    EVP_DecryptUpdate(c, text.data(), &size, text.data(), static_cast<int>(text.size())) == 1 &&
                    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, kSealTag, text.data() + text.size()) == 1 &&
                    EVP_DecryptFinal_ex(c, text.data() + size, &last) == 1;
  if (!good) {
    clearOpensslErrors();
    return std::nullopt;
  }
  // Only now: a forged number must not push anything on.
  window_.mark(number);
  current_ = std::max(current_, index);
  return text;
}

}  // namespace chuantou::crypto
