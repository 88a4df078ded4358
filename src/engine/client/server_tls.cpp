#include "engine/client/server_tls.hpp"

namespace chuantou::engine {

ServerTls::ServerTls(const ClientConfig& config, const ServerUrl& url) : url_(url), dataTls_(config.dataTls) {
  if (!url_.tls && !config.serverFingerprint.empty()) {
    throw Error{Errc::invalid_argument, "a fingerprint for " + url_.str(), "ws:// shows no certificate; use wss://"};
  }
  if (!url_.tls && dataTls_) {
    throw Error{Errc::invalid_argument, "TLS for the data channels to " + url_.str(), "it needs a server URL with wss://"};
  }
  if (config.serverFingerprint.empty()) return;
  pin_ = crypto::Fingerprint::parse(config.serverFingerprint);
  if (!pin_) {
    throw Error{Errc::invalid_argument, "the fingerprint " + config.serverFingerprint, "it is sha256: and 64 hexadecimal digits"};
  }
}

std::shared_ptr<net::TlsHandshake> ServerTls::shakeHands(net::IoThread& thread, net::TcpSocket socket, Done done) {
  std::unique_ptr<net::TlsSocket> tls;
  try {
    if (!context_) context_ = url_.tls ? crypto::makeServerClientContext(pin_) : crypto::makeUnverifiedClientContext();
    tls = std::make_unique<net::TlsSocket>(thread, std::move(socket), *context_, crypto::TlsRole::client);
    tls->session().expectHost(url_.at.host);
  } catch (const Error& error) {
    done(&error, nullptr);
    return nullptr;
  }
  auto handshake = std::make_shared<net::TlsHandshake>(
      std::move(tls), [this, done = std::move(done)](std::unique_ptr<net::TlsSocket> shaken, bool good) {
        if (good) return done(nullptr, std::move(shaken));
        const Error error = errorOf(shaken->session());
        shaken.reset();
        done(&error, nullptr);
      });
  handshake->start();
  return handshake;
}

Error ServerTls::errorOf(const crypto::TlsSession& session) const {
  if (auto rejected = crypto::certificateError(session, url_.str())) return std::move(*rejected);
  return Error{Errc::server_unreachable, url_.str(), "TLS: " + session.failure()};
}

}  // namespace chuantou::engine
