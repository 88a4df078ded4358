#include "engine/client/outbound_carrier.hpp"

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <sys/socket.h>

#include "net/socket_options.hpp"
#include "net/sys_error.hpp"
#include "wire/first_bytes.hpp"

namespace chuantou::engine {

void OutboundCarrier::start(std::uint16_t localPort) {
  bornAt_ = Clock::now();
  key_ = context_.desk.request(target_, wire::Transport::tcp, localPort, weak_from_this());
  context_.handshakes.add(weak_from_this());
  socket_.async_connect(context_.link.server(), [self = shared_from_this()](const net::ErrorCode& ec) {
    if (!self->finished_) self->onConnected(ec);
  });
}

void OutboundCarrier::onConnected(const net::ErrorCode& ec) {
  if (ec) {
    fail(net::serverError(ec, "for a data channel"));
    return;
  }
  connected_ = true;
  net::prepareData(socket_);
  if (user_) return handOver();
  const auto preface = wire::encodePreface(key_);
  if (!sendAll(preface)) fail(Error{Errc::connection_lost, toString(target_)});
}

void OutboundCarrier::open(wire::FrameBytes first, std::shared_ptr<User> user) {
  if (finished_) return user->onCarrierFailed(Error{Errc::connection_lost, toString(target_)});
  first_ = std::move(first);
  user_ = std::move(user);
  wasWarm_ = connected_;
  if (!connected_) return;
  if (sendAll(first_)) {
    first_.clear();
    handOver();
  } else {
    fail(Error{Errc::connection_lost, toString(target_)});
  }
}

/// A few dozen bytes into an empty socket buffer: they fit, or the connection is broken.
bool OutboundCarrier::sendAll(std::span<const std::uint8_t> bytes) {
  net::ErrorCode ec;
  return socket_.write_some(asio::buffer(bytes.data(), bytes.size()), ec) == bytes.size() && !ec;
}

void OutboundCarrier::handOver() {
  if (!first_.empty()) {  // dialled for this user: the preface and OPEN leave in one segment
    const auto preface = wire::encodePreface(key_);
    first_.insert(first_.begin(), preface.begin(), preface.end());
    if (!sendAll(first_)) {
      fail(Error{Errc::connection_lost, toString(target_)});
      return;
    }
    wire::FrameBytes{}.swap(first_);
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
  for (;;) {
    std::size_t want = wire::kFrameHeaderSize;
    if (reply_.size() >= wire::kFrameHeaderSize) {
      const auto header = wire::decodeHeader(std::span{reply_}.first<wire::kFrameHeaderSize>());
      if (!header) return fail(header.error());
      want += header.value().length;
      if (reply_.size() == want) return answer();
    }
    const std::size_t have = reply_.size();
    reply_.resize(want);
    net::ErrorCode ec;
    const std::size_t n = socket.read_some(asio::buffer(reply_.data() + have, want - have), ec);
    reply_.resize(have + n);
    if (ec == asio::error::would_block || ec == asio::error::try_again) return Verdict::wait;
    if (!ec) continue;
    if (wasWarm_ && user_ && user_->onCarrierStale()) {
      user_.reset();
      drop();
      return Verdict::fail;
    }
    return fail(Error{Errc::connection_lost, toString(target_), "before the target answered"});
  }
}

OutboundCarrier::Verdict OutboundCarrier::answer() {
  const auto header = wire::decodeHeader(std::span{reply_}.first<wire::kFrameHeaderSize>());
  if (header.value().type == wire::FrameType::reject) {
    const auto reject = wire::decodeReject(std::span{reply_}.subspan(wire::kFrameHeaderSize));
    if (!reject) return fail(reject.error());
    return fail(Error{reject.value().code, toString(target_), reject.value().reason});
  }
  if (header.value().type != wire::FrameType::accept) return fail(Error{Errc::protocol_error, "the peer", "an unexpected frame"});
  finished_ = true;
  wire::FrameBytes{}.swap(reply_);
  context_.desk.forget(key_);
  if (const auto user = std::exchange(user_, nullptr)) user->onCarrierAnswer();
  return Verdict::pass;
}

}  // namespace chuantou::engine
