// TLS over a TCP socket: read, written and waited for like a socket that does not block.
#pragma once

#include "crypto/tls_session.hpp"
#include "net/io_thread.hpp"

namespace chuantou::net {

/// On one thread. Neither movable nor shared: the session points here.
class TlsSocket final : private crypto::TlsTransport {
 public:
  enum class State {
    ok,
    wouldBlock,
    ended,   ///< the other side said goodbye; after an end that it did not sign the state is `broken`
    broken,  ///< see failure()
  };

  /// The socket must be non-blocking and belong to the thread's context. `early` has been read from it before.
  TlsSocket(IoThread& thread, TcpSocket socket, crypto::TlsContext context, crypto::TlsRole role,
            std::span<const std::uint8_t> early = {});

  /// Goes on with the handshake; ok when it is over. With wouldBlock: wait until it is readable.
  State handshake();
  struct Read {
    State state = State::ok;
    std::size_t bytes = 0;  ///< 1 or more when the state is ok
  };
  /// As much as there is, up to the size of `into`. After a full `into` there may be more that no wait will tell of.
  Read read(std::span<std::uint8_t> into);
  /// Encrypts and sends; what the socket does not take is queued, so that all of it is taken. Do not write while
  /// queued(): that is what holds a writer back. `more`: the system may keep it a little, since more follows.
  State write(std::span<const std::uint8_t> bytes, bool more = false);
  /// Sends what is queued; ok when all has gone. With wouldBlock: wait until it is writable.
  State flush();
  std::size_t queued() const noexcept { return queue_.size() - queueSent_; }
  /// Says goodbye, as far as the socket takes it now.
  void sayGoodbye();

  /// Before the next read, after one that found nothing: it takes the socket for empty until this was called. What is waited for may
  /// come after this object's end, by which it is cancelled.
  template <class F>
  void waitReadable(F f) {
    dry_ = false;
    socket_.async_wait(TcpSocket::wait_read, std::move(f));
  }
  template <class F>
  void waitWritable(F f) {
    socket_.async_wait(TcpSocket::wait_write, std::move(f));
  }
  TcpSocket& socket() noexcept { return socket_; }
  crypto::TlsSession& session() noexcept { return session_; }
  const crypto::TlsSession& session() const noexcept { return session_; }

 private:
  std::ptrdiff_t receive(std::span<std::uint8_t> into) override;
  void send(std::span<const std::uint8_t> bytes) override;
  State finish(crypto::TlsSession::Status status, bool more = false);
  bool sendStaged(bool more);

  IoThread& thread_;
  TcpSocket socket_;
  crypto::TlsSession session_;
  std::vector<std::uint8_t> early_;
  std::vector<std::uint8_t> queue_;  ///< ciphertext that the socket did not take
  std::size_t queueSent_ = 0;
  std::uint64_t sinceKey_ = 0;  ///< bytes encrypted with the present key
  std::size_t staged_ = 0;  ///< ciphertext of the call in progress, in the thread's buffer
  bool dry_ = false;        ///< the last read emptied the socket; until it is waited for
  bool broken_ = false;
};

}  // namespace chuantou::net
