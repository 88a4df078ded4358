#include "crypto/tls_context.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "crypto/openssl_error.hpp"
#include "crypto/processor.hpp"

namespace chuantou::crypto {

namespace {

/// Records of one read of the socket are decrypted one after the other from one buffer, which is let go when it is empty.
constexpr std::size_t kReadBuffer = 64 * 1024;
/// A pair of clients that has spoken within this time needs no full handshake.
constexpr long kTicketLifetimeSeconds = 3600;

using CertificatePointer = std::unique_ptr<X509, decltype(&X509_free)>;

void check(bool good, const char* what) {
  if (!good) throw opensslError(what);
}

/// The certificate is only the wrapping of the key that TLS insists on: its names and dates say nothing, and nobody reads
/// them.
CertificatePointer wrap(const Identity& identity) {
  CertificatePointer certificate{X509_new(), X509_free};
  check(certificate != nullptr, "making a certificate");
  X509* x = certificate.get();
  check(X509_set_version(x, X509_VERSION_3) == 1 && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), 1) == 1 &&
            ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20200101000000Z") == 1 &&
            ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z") == 1 &&  // RFC 5280, 4.1.2.5: no end
            X509_set_pubkey(x, identity.native()) == 1 && X509_sign(x, identity.native(), nullptr) > 0,
        "making a certificate");
  return certificate;
}

int letEd25519Through(X509_STORE_CTX* store, void*) {
  const X509* certificate = X509_STORE_CTX_get0_cert(store);
  const EVP_PKEY* key = certificate ? X509_get0_pubkey(certificate) : nullptr;
  if (key && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  return 0;
}

}  // namespace

TlsContext makeTlsContext(TlsRole role) {
  const std::shared_ptr<SSL_CTX> context{SSL_CTX_new(role == TlsRole::client ? TLS_client_method() : TLS_server_method()),
                                         SSL_CTX_free};
  check(context != nullptr, "TLS");
  SSL_CTX* c = context.get();
  // Without instructions for AES the other cipher is the faster one; a server then prefers it too.
  const bool aes = hasAesInstructions();
  const char* ciphers = aes ? "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
                            : "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";
  check(SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) == 1 && SSL_CTX_set_ciphersuites(c, ciphers) == 1, "TLS");
  SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(c, 1);
  SSL_CTX_set_default_read_buffer_len(c, kReadBuffer);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(c, 0);
  return TlsContext{context};
}

TlsContext makePeerContext(const Identity& identity, TlsRole role) {
  TlsContext context = makeTlsContext(role);
  SSL_CTX* c = context.native();
  const CertificatePointer certificate = wrap(identity);
  check(SSL_CTX_use_certificate(c, certificate.get()) == 1 && SSL_CTX_use_PrivateKey(c, identity.native()) == 1, "TLS");
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(c, letEd25519Through, nullptr);
  // Tickets carry the peer's certificate, so that a resumed session is as good as the first (RFC 8446, section 4.6.1).
  static constexpr unsigned char kName[] = "chuantou-carrier";
  check(SSL_CTX_set_session_id_context(c, kName, sizeof kName - 1) == 1, "TLS");
  SSL_CTX_set_timeout(c, kTicketLifetimeSeconds);
  if (role == TlsRole::client) SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  return context;
}

}  // namespace chuantou::crypto
