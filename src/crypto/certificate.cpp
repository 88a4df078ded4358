#include "crypto/certificate.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "base/hex.hpp"
#include "crypto/openssl_error.hpp"

namespace chuantou::crypto {

namespace {

using BioPointer = std::unique_ptr<BIO, decltype(&BIO_free)>;
using X509Pointer = std::shared_ptr<X509>;
using KeyPointer = std::shared_ptr<EVP_PKEY>;

constexpr std::string_view kPrefix = "sha256:";
constexpr long kLifetimeSeconds = 10L * 365 * 24 * 3600;
/// Clocks differ: a certificate that begins now is from tomorrow for somebody.
constexpr long kBackdateSeconds = 24 * 3600;

void check(bool good, const char* what) {
  if (!good) throw opensslError(what);
}

BioPointer reading(std::string_view text) { return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free}; }

std::string textOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

X509Pointer nextCertificate(BIO* bio) { return {PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), X509_free}; }

KeyPointer readKey(std::string_view pem) {
  const BioPointer bio = reading(pem);
  // Without a callback OpenSSL would ask the terminal for a password.
  const auto noPassword = [](char*, int, int, void*) { return 0; };
  KeyPointer key{bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, noPassword, nullptr) : nullptr, EVP_PKEY_free};
  clearOpensslErrors();
  return key;
}

std::chrono::system_clock::time_point timeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (!time || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

Error bad(const PemFile& file, const char* why) { return Error{Errc::bad_config, file.name, why}; }

std::optional<CertificateInfo> infoOf(const X509* certificate) {
  const auto fingerprint = fingerprintOf(certificate);
  if (!fingerprint) return std::nullopt;
  return CertificateInfo{*fingerprint, timeOf(X509_get0_notAfter(certificate))};
}

void addExtension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  check(extension != nullptr, "making a certificate");
  const int added = X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  check(added == 1, "making a certificate");
}

bool isAddress(const std::string& name) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str());
  clearOpensslErrors();
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

/// A name may hold nothing that the list's syntax knows.
bool isPlain(const std::string& name) { return !name.empty() && name.size() < 254 && name.find_first_of(" ,;=\"\\\n") == std::string::npos; }

}  // namespace

std::optional<Fingerprint> Fingerprint::parse(std::string_view text) {
  Fingerprint out;
  if (!text.starts_with(kPrefix) || !fromHex(text.substr(kPrefix.size()), out.bytes)) return std::nullopt;
  return out;
}

std::string Fingerprint::str() const { return std::string{kPrefix} + toHex(bytes); }

std::optional<Fingerprint> fingerprintOf(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = certificate ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der) : -1;
  if (size <= 0) {
    clearOpensslErrors();
    return std::nullopt;
  }
  Fingerprint out;
  unsigned int length = 0;
  const bool good = EVP_Digest(der, static_cast<std::size_t>(size), out.bytes.data(), &length, EVP_sha256(), nullptr) == 1;
  OPENSSL_free(der);
  if (!good || length != out.bytes.size()) return std::nullopt;
  return out;
}

Result<CertificateInfo> inspectCertificate(const PemFile& file) {
  const BioPointer bio = reading(file.content);
  const X509Pointer certificate = bio ? nextCertificate(bio.get()) : nullptr;
  clearOpensslErrors();
  const auto info = certificate ? infoOf(certificate.get()) : std::nullopt;
  if (!info) return bad(file, "it is no certificate in PEM");
  return *info;
}

Result<KeyedCertificate> readCertificate(const PemFile& file, const PemFile& keyFile, std::chrono::system_clock::time_point now) {
  KeyedCertificate out;
  const BioPointer bio = reading(file.content);
  out.certificate = bio ? nextCertificate(bio.get()) : nullptr;
  const auto info = out.certificate ? infoOf(out.certificate.get()) : std::nullopt;
  if (!info) {
    clearOpensslErrors();
    return bad(file, "it is no certificate in PEM");
  }
  out.info = *info;
  while (X509Pointer next = nextCertificate(bio.get())) out.chain.push_back(std::move(next));
  // The end of the text is reported as a missing first line; anything else is a certificate that is broken.
  const bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  clearOpensslErrors();
  if (!whole) return bad(file, "a certificate of its chain cannot be read");
  out.key = readKey(keyFile.content);
  if (!out.key) return bad(keyFile, "it is no private key in PEM without a password");
  const bool match = X509_check_private_key(out.certificate.get(), out.key.get()) == 1;
  clearOpensslErrors();
  if (!match) return bad(keyFile, ("the key is not that of the certificate " + file.name).c_str());
  if (out.info.expires <= now) return bad(file, "the certificate has expired");
  return out;
}

std::string makeServerKey() {
  const KeyPointer key{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free};
  check(key != nullptr, "making a key");
  const BioPointer bio{BIO_new(BIO_s_mem()), BIO_free};
  check(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1, "writing a key");
  return textOf(bio.get());
}

Result<std::string> makeServerCertificate(const PemFile& keyFile, const std::vector<std::string>& names) {
  const KeyPointer key = readKey(keyFile.content);
  if (!key) return bad(keyFile, "it is no private key in PEM without a password");
  const X509Pointer certificate{X509_new(), X509_free};
  check(certificate != nullptr, "making a certificate");
  X509* x = certificate.get();
  // Browsers want a serial number that they have not seen before from this issuer.
  std::uint64_t serial = 0;
  check(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1, "making a certificate");
  static constexpr unsigned char kCommonName[] = "chuantou server";
  X509_NAME* name = X509_get_subject_name(x);
  check(X509_set_version(x, X509_VERSION_3) == 1 && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1 | 1) == 1 &&
            X509_gmtime_adj(X509_getm_notBefore(x), -kBackdateSeconds) && X509_gmtime_adj(X509_getm_notAfter(x), kLifetimeSeconds) &&
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, kCommonName, sizeof kCommonName - 1, -1, 0) == 1 &&
            X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key.get()) == 1,
        "making a certificate");
  std::string list;
  for (const std::string& each : names) {
    if (isPlain(each)) list += (list.empty() ? "" : ",") + std::string{isAddress(each) ? "IP:" : "DNS:"} + each;
  }
  addExtension(x, NID_basic_constraints, "critical,CA:FALSE");
  addExtension(x, NID_ext_key_usage, "serverAuth");
  if (!list.empty()) addExtension(x, NID_subject_alt_name, list);
  check(X509_sign(x, key.get(), EVP_sha256()) > 0, "making a certificate");
  const BioPointer bio{BIO_new(BIO_s_mem()), BIO_free};
  check(bio && PEM_write_bio_X509(bio.get(), x) == 1, "making a certificate");
  return textOf(bio.get());
}

}  // namespace chuantou::crypto
