#include "crypto/server_tls.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "crypto/openssl_error.hpp"

namespace chuantou::crypto {

namespace {

void check(bool good, const char* what) {
  if (!good) throw opensslError(what);
}

/// Where a session keeps why it refused the certificate (a std::string of its own).
int complaintIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, [](void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
    delete static_cast<std::string*>(data);
  });
  return index;
}

/// Where a context keeps its pin (a Fingerprint of its own).
int pinIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, [](void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
    delete static_cast<Fingerprint*>(data);
  });
  return index;
}

void complain(X509_STORE_CTX* store, const std::string& why) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (!ssl) return;
  delete static_cast<std::string*>(SSL_get_ex_data(ssl, complaintIndex()));
  SSL_set_ex_data(ssl, complaintIndex(), new std::string{why});
}

int believe(X509_STORE_CTX* store, void* context) {
  const auto* pin = static_cast<const Fingerprint*>(SSL_CTX_get_ex_data(static_cast<SSL_CTX*>(context), pinIndex()));
  const auto seen = fingerprintOf(X509_STORE_CTX_get0_cert(store));
  const std::string shown = seen ? seen->str() : "an unreadable key";
  if (pin) {
    if (seen == *pin) {
      X509_STORE_CTX_set_error(store, X509_V_OK);
      return 1;
    }
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    complain(store, "it shows " + shown + ", not " + pin->str());
    return 0;
  }
  if (X509_verify_cert(store) == 1) return 1;
  complain(store, std::string{X509_verify_cert_error_string(X509_STORE_CTX_get_error(store))} + "; it shows " + shown);
  return 0;
}

}  // namespace

TlsContext makeServerContext(const KeyedCertificate& certificate) {
  TlsContext context = makeTlsContext(TlsRole::server);
  SSL_CTX* c = context.native();
  check(SSL_CTX_use_certificate(c, certificate.certificate.get()) == 1 && SSL_CTX_use_PrivateKey(c, certificate.key.get()) == 1, "TLS");
  for (const auto& each : certificate.chain) check(SSL_CTX_add1_chain_cert(c, each.get()) == 1, "TLS");
  return context;
}

TlsContext makeServerClientContext(const std::optional<Fingerprint>& pin) {
  TlsContext context = makeTlsContext(TlsRole::client);
  SSL_CTX* c = context.native();
  if (pin) {
    check(SSL_CTX_set_ex_data(c, pinIndex(), new Fingerprint{*pin}) == 1, "TLS");
  } else {
    check(SSL_CTX_set_default_verify_paths(c) == 1, "reading the system's certificate authorities");
    clearOpensslErrors();
  }
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(c, believe, c);
  return context;
}

TlsContext makeUnverifiedClientContext() {
  TlsContext context = makeTlsContext(TlsRole::client);
  SSL_CTX_set_verify(context.native(), SSL_VERIFY_NONE, nullptr);
  return context;
}

std::optional<Error> certificateError(const TlsSession& session, const std::string& server) {
  const auto* complaint = static_cast<const std::string*>(SSL_get_ex_data(session.native(), complaintIndex()));
  if (!complaint) return std::nullopt;
  return Error{Errc::certificate_rejected, server, *complaint};
}

}  // namespace chuantou::crypto
