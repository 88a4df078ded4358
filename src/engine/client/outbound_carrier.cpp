#include "engine/client/outbound_carrier.hpp"

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <sys/socket.h>

#include "net/socket_options.hpp"
#include "net/sys_error.hpp"
#include "wire/first_bytes.hpp"

namespace chuantou::engine {

namespace {
/// Read in advance, to travel with a frame: the first request of most protocols.
constexpr std::size_t kFirstBytes = 4096;
}  // namespace

void OutboundCarrier::start(std::uint16_t localPort) {
  bornAt_ = Clock::now();
  key_ = context_.desk.request(target_, wire::Transport::tcp, localPort, weak_from_this());
  context_.handshakes.add(weak_from_this());
  context_.dataDialer.dial([self = shared_from_this()](const net::ErrorCode& ec, net::TcpSocket socket) {
    if (self->finished_) return;
    self->socket_ = std::move(socket);
    self->onConnected(ec);
  });
}

void OutboundCarrier::onConnected(const net::ErrorCode& ec) {
  if (ec) {
    fail(net::serverError(ec, "for a data channel"));
    return;
  }
  connected_ = true;
  if (user_) return handOver(true);
  const auto preface = wire::encodePreface(key_);
  if (!sendAll(preface)) fail(Error{Errc::connection_lost, toString(target_)});
}

void OutboundCarrier::open(wire::FrameBytes first, std::shared_ptr<User> user) {
  if (finished_) return user->onCarrierFailed(Error{Errc::connection_lost, toString(target_)});
  first_ = std::move(first);
  user_ = std::move(user);
  wasWarm_ = connected_;
  if (connected_) handOver(false);
}

/// At most kFirstBytes and a few dozen into an empty socket buffer: they fit, or the connection is broken.
bool OutboundCarrier::sendAll(std::span<const std::uint8_t> bytes) {
  net::ErrorCode ec;
  return socket_.write_some(asio::buffer(bytes.data(), bytes.size()), ec) == bytes.size() && !ec;
}

/// The preface (if it has not gone), the opening frame and the user's first bytes leave in one segment.
void OutboundCarrier::handOver(bool withPreface) {
  std::array<std::uint8_t, wire::kPrefaceSize + wire::kFrameHeaderSize + wire::kMaxFramePayload + kFirstBytes> out;
  std::size_t size = 0;
  if (withPreface) {
    const auto preface = wire::encodePreface(key_);
    size = static_cast<std::size_t>(std::copy(preface.begin(), preface.end(), out.begin()) - out.begin());
  }
  size = static_cast<std::size_t>(std::copy(first_.begin(), first_.end(), out.begin() + static_cast<std::ptrdiff_t>(size)) - out.begin());
  wire::FrameBytes{}.swap(first_);
  size += user_->takeFirstBytes(std::span{out}.subspan(size, kFirstBytes));
  if (!sendAll(std::span{out}.first(size))) {
    fail(Error{Errc::connection_lost, toString(target_)});
    return;
  }
  user_->onCarrierReady(shared_from_this(), std::move(socket_));
}

bool OutboundCarrier::stillGood() {
  if (finished_) return false;
  if (!connected_) return true;
  // A waiting carrier is silent; anything readable is its end.
  char byte;
  const ssize_t n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void OutboundCarrier::drop() {
  if (finished_) return;
  finished_ = true;
  context_.desk.forget(key_);
  net::ErrorCode ignored;
  socket_.close(ignored);
}

void OutboundCarrier::onDeadline() {
  // A warm carrier may wait as long as it likes; the answer to an opened one is the target's matter, and its dial has a
  // deadline of its own there.
  if (!connected_) fail(Error{Errc::timed_out, "the data channel to " + toString(target_)});
}

void OutboundCarrier::onSessionFailed(const Error& error) { fail(error); }

OutboundCarrier::Verdict OutboundCarrier::fail(const Error& error) {
  if (finished_) return Verdict::fail;
  finished_ = true;
  const auto self = shared_from_this();
  context_.desk.forget(key_);
  net::ErrorCode ignored;
  if (socket_.is_open()) socket_.close(ignored);
  if (const auto user = std::exchange(user_, nullptr)) user->onCarrierFailed(error);
  return Verdict::fail;
}

OutboundCarrier::Verdict OutboundCarrier::onReadable(net::TcpSocket& socket) {
  if (finished_) return Verdict::fail;
  const auto scratch = context_.thread.scratch().first(kFirstBytes);
  for (;;) {
    if (reply_.size() >= wire::kFrameHeaderSize) {
      const auto header = wire::decodeHeader(std::span{reply_}.first<wire::kFrameHeaderSize>());
      if (!header) return fail(header.error());
      const std::size_t size = wire::kFrameHeaderSize + header.value().length;
      if (reply_.size() >= size) return answer(size);
    }
    net::ErrorCode ec;
    const std::size_t n = socket.read_some(asio::buffer(scratch.data(), scratch.size()), ec);
    reply_.insert(reply_.end(), scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(n));
    if (ec == asio::error::would_block || ec == asio::error::try_again) return Verdict::wait;
    if (!ec) continue;
    // A target that has opened the carrier answers before it ends; one that gave it up while it was warm just ends.
    if (wasWarm_ && ec == asio::error::eof && reply_.empty() && user_ && user_->onCarrierStale()) {
      user_.reset();
      drop();
      return Verdict::fail;
    }
    return fail(Error{Errc::connection_lost, toString(target_), "before the target answered"});
  }
}

/// `size` bytes are the answer; what follows it is the service's.
OutboundCarrier::Verdict OutboundCarrier::answer(std::size_t size) {
  const auto header = wire::decodeHeader(std::span{reply_}.first<wire::kFrameHeaderSize>());
  if (header.value().type == wire::FrameType::reject) {
    const auto reject = wire::decodeReject(std::span{reply_}.subspan(wire::kFrameHeaderSize, header.value().length));
    if (!reject) return fail(reject.error());
    return fail(Error{reject.value().code, toString(target_), reject.value().reason});
  }
  if (header.value().type != wire::FrameType::accept) return fail(Error{Errc::protocol_error, "the peer", "an unexpected frame"});
  finished_ = true;
  reply_.erase(reply_.begin(), reply_.begin() + static_cast<std::ptrdiff_t>(size));
  context_.desk.forget(key_);
  if (const auto user = std::exchange(user_, nullptr)) user->onCarrierAnswer();
  return Verdict::pass;
}

}  // namespace chuantou::engine
