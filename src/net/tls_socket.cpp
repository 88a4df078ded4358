#include "net/tls_socket.hpp"

#include "net/socket_io.hpp"

namespace chuantou::net {

namespace {
using Status = crypto::TlsSession::Status;

/// A quarter of AES-GCM's limit of 2^24.5 full records (RFC 8446, section 5.5).
constexpr std::uint64_t kBytesPerKey = std::uint64_t{1} << 36;
}  // namespace

TlsSocket::TlsSocket(IoThread& thread, TcpSocket socket, crypto::TlsContext context, crypto::TlsRole role,
                     std::span<const std::uint8_t> early)
    : thread_(thread), socket_(std::move(socket)), session_(std::move(context), role, *this), early_(early.begin(), early.end()) {}

std::ptrdiff_t TlsSocket::receive(std::span<std::uint8_t> into) {
  if (!early_.empty()) {
    const std::size_t n = std::min(into.size(), early_.size());
    std::copy_n(early_.begin(), n, into.begin());
    early_.erase(early_.begin(), early_.begin() + static_cast<std::ptrdiff_t>(n));
    return static_cast<std::ptrdiff_t>(n);
  }
  // A read that did not fill its buffer has emptied the socket: asking again would cost a call for nothing.
  if (dry_) return kWouldBlock;
  const ssize_t n = ::recv(socket_.native_handle(), into.data(), into.size(), 0);
  if (n < 0) return wouldBlock(errno) ? kWouldBlock : kBroken;
  dry_ = n > 0 && static_cast<std::size_t>(n) < into.size();
  return n;
}

void TlsSocket::send(std::span<const std::uint8_t> bytes) {
  const auto buffer = thread_.sealScratch();
  while (!bytes.empty()) {
    if (staged_ == buffer.size()) sendStaged(false);
    const std::size_t n = std::min(bytes.size(), buffer.size() - staged_);
    std::copy_n(bytes.begin(), n, buffer.begin() + static_cast<std::ptrdiff_t>(staged_));
    staged_ += n;
    bytes = bytes.subspan(n);
  }
}

bool TlsSocket::sendStaged(bool more) {
  const auto staged = thread_.sealScratch().first(std::exchange(staged_, 0));
  std::size_t sent = 0;
  if (queued() == 0 && !broken_) {
    const auto n = sendSome(socket_.native_handle(), staged, more ? kMoreFollows : 0);
    if (n < 0) broken_ = true;
    sent = n < 0 ? staged.size() : static_cast<std::size_t>(n);
  }
  queue_.insert(queue_.end(), staged.begin() + static_cast<std::ptrdiff_t>(sent), staged.end());
  return !broken_;
}

TlsSocket::State TlsSocket::finish(Status status, bool more) {
  if (staged_ > 0) sendStaged(more);
  if (broken_) return State::broken;
  switch (status) {
    case Status::ok:
      return State::ok;
    case Status::wantRead:
      return State::wouldBlock;
    case Status::closed:
      return State::ended;
    case Status::failed:
      break;
  }
  return State::broken;
}

TlsSocket::State TlsSocket::handshake() { return finish(session_.handshake()); }

TlsSocket::Read TlsSocket::read(std::span<std::uint8_t> into) {
  std::size_t got = 0;
  Status status = Status::ok;
  while (got < into.size()) {
    std::size_t n = 0;
    status = session_.read(into.subspan(got), n);
    if (status != Status::ok) break;
    got += n;
  }
  const State state = finish(status);
  if (got > 0 && state != State::broken) return {State::ok, got};
  return {state, 0};
}

TlsSocket::State TlsSocket::write(std::span<const std::uint8_t> bytes, bool more) {
  sinceKey_ += bytes.size();
  if (sinceKey_ >= kBytesPerKey) {
    session_.changeKey();
    sinceKey_ = bytes.size();
  }
  return finish(session_.write(bytes), more);
}

TlsSocket::State TlsSocket::flush() {
  if (queued() == 0) return broken_ ? State::broken : State::ok;
  const auto n = sendSome(socket_.native_handle(), std::span{queue_}.subspan(queueSent_));
  if (n < 0) {
    broken_ = true;
    return State::broken;
  }
  queueSent_ += static_cast<std::size_t>(n);
  if (queued() > 0) return State::wouldBlock;
  std::vector<std::uint8_t>{}.swap(queue_);
  queueSent_ = 0;
  return State::ok;
}

void TlsSocket::sayGoodbye() {
  session_.close();
  if (staged_ > 0) sendStaged(false);
}

}  // namespace chuantou::net
