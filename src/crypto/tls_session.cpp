#include "crypto/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto/openssl_error.hpp"

namespace chuantou::crypto {

namespace {

TlsTransport& transportOf(BIO* bio) { return *static_cast<TlsTransport*>(BIO_get_data(bio)); }

int writeToTransport(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  transportOf(bio).send({reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)});
  return size;
}

int readFromTransport(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const auto n = transportOf(bio).receive({reinterpret_cast<std::uint8_t*>(data), static_cast<std::size_t>(size)});
  if (n == TlsTransport::kWouldBlock) BIO_set_retry_read(bio);
  return n < 0 ? -1 : static_cast<int>(n);
}

long controlTransport(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

/// Made once, for the process.
const BIO_METHOD* transportMethod() {
  static const BIO_METHOD* method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "chuantou transport");
    BIO_meth_set_write(m, writeToTransport);
    BIO_meth_set_read(m, readFromTransport);
    BIO_meth_set_ctrl(m, controlTransport);
    return m;
  }();
  return method;
}

int keepTicket(SSL* ssl, SSL_SESSION* session) {
  auto* box = static_cast<TlsSession::TicketBox*>(SSL_get_app_data(ssl));
  // A copy: OpenSSL spoils its own one when this connection ends without a goodbye.
  if (box) box->ticket = TlsTicket{SSL_SESSION_dup(session), SSL_SESSION_free};
  return 0;
}

}  // namespace

TlsSession::TlsSession(TlsContext context, TlsRole role, TlsTransport& transport)
    : context_(std::move(context)), ssl_(SSL_new(context_.native()), SSL_free) {
  BIO* bio = ssl_ ? BIO_new(transportMethod()) : nullptr;
  if (!bio) throw opensslError("TLS");
  BIO_set_data(bio, &transport);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  if (role == TlsRole::server) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  tickets_ = std::make_unique<TicketBox>();
  SSL_set_app_data(ssl_.get(), tickets_.get());
  SSL_CTX_sess_set_new_cb(context_.native(), keepTicket);
}

void TlsSession::offer(const TlsTicket& ticket) {
  if (!ticket) return;
  const TlsTicket copy{SSL_SESSION_dup(ticket.get()), SSL_SESSION_free};  // for the same reason as in keepTicket()
  if (copy) SSL_set_session(ssl_.get(), copy.get());
  clearOpensslErrors();  // an expired one is not offered, which is no failure
}

void TlsSession::expectHost(const std::string& name) {
  SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str()) == 1) return;
  clearOpensslErrors();
  if (SSL_set1_host(ssl_.get(), name.c_str()) != 1 || SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) != 1) throw opensslError("TLS");
}

TlsSession::Status TlsSession::judge(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Status::wantRead;
    case SSL_ERROR_ZERO_RETURN:
      return Status::closed;
    default:
      failure_ = takeOpensslReason();
      if (failure_.empty()) failure_ = "the connection ended";
      return Status::failed;
  }
}

TlsSession::Status TlsSession::handshake() {
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? Status::ok : judge(result);
}

bool TlsSession::established() const { return SSL_is_init_finished(ssl_.get()) == 1; }

TlsSession::Status TlsSession::read(std::span<std::uint8_t> into, std::size_t& bytes) {
  const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &bytes);
  return result == 1 ? Status::ok : judge(result);
}

TlsSession::Status TlsSession::write(std::span<const std::uint8_t> bytes) {
  std::size_t written = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
  return result == 1 ? Status::ok : judge(result);
}

void TlsSession::changeKey() {
  SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
  clearOpensslErrors();
}

void TlsSession::close() {
  if (established()) SSL_shutdown(ssl_.get());
  clearOpensslErrors();
}

bool TlsSession::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

std::optional<PublicKey> TlsSession::peerKey() const {
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  EVP_PKEY* key = certificate ? X509_get0_pubkey(certificate) : nullptr;
  PublicKey out;
  std::size_t size = out.bytes.size();
  if (!key || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 || EVP_PKEY_get_raw_public_key(key, out.bytes.data(), &size) != 1) {
    return std::nullopt;
  }
  return out;
}

void TlsSession::giveTicket() {
  SSL_new_session_ticket(ssl_.get());
  clearOpensslErrors();
}

TlsTicket TlsSession::takeTicket() { return tickets_ ? std::exchange(tickets_->ticket, nullptr) : nullptr; }

void TlsSession::exportSecret(std::string_view label, std::span<const std::uint8_t> context, std::span<std::uint8_t> out) const {
  if (SSL_export_keying_material(ssl_.get(), out.data(), out.size(), label.data(), label.size(), context.data(), context.size(), 1) != 1) {
    throw opensslError("exporting a secret");
  }
}

bool TlsSession::usesChaCha20() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
  return cipher && SSL_CIPHER_get_cipher_nid(cipher) == NID_chacha20_poly1305;
}

}  // namespace chuantou::crypto
