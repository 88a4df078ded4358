// One TLS 1.3 connection, over whatever carries its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "crypto/tls_context.hpp"

struct ssl_st;
struct ssl_session_st;

namespace chuantou::crypto {

/// What is under a session.
class TlsTransport {
 public:
  static constexpr std::ptrdiff_t kWouldBlock = -1;
  static constexpr std::ptrdiff_t kBroken = -2;

  virtual ~TlsTransport() = default;
  /// How many bytes came; 0 at the end of the stream; kWouldBlock or kBroken.
  virtual std::ptrdiff_t receive(std::span<std::uint8_t> into) = 0;
  /// Takes all of it.
  virtual void send(std::span<const std::uint8_t> bytes) = 0;
};

/// What a client shows to skip the next full handshake with the same peer (RFC 8446, section 2.2).
using TlsTicket = std::shared_ptr<ssl_session_st>;

/// On one thread at a time.
class TlsSession {
 public:
  enum class Status {
    ok,
    wantRead,  ///< the transport had no more
    closed,    ///< the other side said goodbye (close_notify)
    failed,    ///< tampered with, cut off, or refused; see failure()
  };

  TlsSession(TlsContext context, TlsRole role, TlsTransport& transport);

  // Before the handshake.
  void offer(const TlsTicket& ticket);
  /// The name that a server behind a shared address needs (SNI), which its certificate must have as well.
  void expectHost(const std::string& name);

  Status handshake();
  bool established() const;
  /// `bytes` is how many there are, 1 or more, when the status is ok.
  Status read(std::span<std::uint8_t> into, std::size_t& bytes);
  Status write(std::span<const std::uint8_t> bytes);
  /// Encrypts with another key from here on (RFC 8446, section 4.6.3).
  void changeKey();
  /// Says goodbye; reading goes on.
  void close();

  // After the handshake.
  bool resumed() const;
  /// Of a peer that showed an Ed25519 key.
  std::optional<PublicKey> peerKey() const;
  /// Server: gives the client a ticket, with the next bytes that are written.
  void giveTicket();
  /// Client: the newest ticket that has come since; null: none.
  TlsTicket takeTicket();
  /// A secret of this session that both sides derive alike (RFC 8446, section 7.5). Throws Error(system_error).
  void exportSecret(std::string_view label, std::span<const std::uint8_t> context, std::span<std::uint8_t> out) const;
  /// ChaCha20-Poly1305 was chosen rather than AES-GCM.
  bool usesChaCha20() const;

  /// Why it failed, in OpenSSL's words.
  const std::string& failure() const noexcept { return failure_; }
  ssl_st* native() const noexcept { return ssl_.get(); }

  struct TicketBox {
    TlsTicket ticket;
  };

 private:
  Status judge(int result);

  TlsContext context_;
  std::shared_ptr<ssl_st> ssl_;
  std::unique_ptr<TicketBox> tickets_;
  std::string failure_;
};

}  // namespace chuantou::crypto
