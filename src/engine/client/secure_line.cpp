#include "engine/client/secure_line.hpp"

namespace chuantou::engine {

namespace {
/// A peer that sends so much of nothing is not worth the time of the others.
constexpr std::size_t kMostControlQueued = 64 * 1024;
}  // namespace

SecureLine::SecureLine(net::IoThread& thread, net::TcpSocket socket, crypto::TlsContext context, crypto::TlsRole role,
                       const crypto::TlsTicket& ticket)
    : tls_(thread, std::move(socket), std::move(context), role) {
  tls_.session().offer(ticket);
}

void SecureLine::giveTicket() {
  tls_.session().giveTicket();
  tls_.handshake();  // sends it
}

/// ok: `header_` is whole.
FrameLine::State SecureLine::readHeader() {
  while (headerHave_ < headerBytes_.size()) {
    const auto read = tls_.read(std::span{headerBytes_}.subspan(headerHave_));
    if (read.state == State::ended && headerHave_ > 0) return State::broken;
    if (read.state != State::ok) return read.state;
    headerHave_ += read.bytes;
  }
  const auto header = wire::decodeHeader(headerBytes_);
  if (!header) return State::broken;
  header_ = header.value();
  return State::ok;
}

FrameLine::State SecureLine::readFrame(Frame& out) {
  if (payload_.empty()) {
    const State state = readHeader();
    if (state != State::ok) return state;
    if (header_.type == wire::FrameType::data) return State::broken;
    payload_.resize(header_.length);
    payloadHave_ = 0;
  }
  while (payloadHave_ < payload_.size()) {
    const auto read = tls_.read(std::span{payload_}.subspan(payloadHave_));
    if (read.state != State::ok) return read.state == State::ended ? State::broken : read.state;
    payloadHave_ += read.bytes;
  }
  headerHave_ = 0;
  out.header = header_;
  out.payload = std::exchange(payload_, {});
  return State::ok;
}

bool SecureLine::sendFrame(std::span<const std::uint8_t> frame, bool more) {
  return tls_.write(frame, more) == State::ok && tls_.queued() <= kMostControlQueued;
}

SecureLine::Read SecureLine::read(std::span<std::uint8_t> into, Frame& frame) {
  using End = Read::State;
  std::size_t got = 0;
  while (got < into.size()) {
    State state = State::ok;
    if (dataLeft_ == 0) {
      state = payload_.empty() ? readHeader() : State::ok;
      if (state == State::ok && header_.type != wire::FrameType::data) {
        // It stays in place until the bytes before it have been told.
        if (got > 0) break;
        state = readFrame(frame);
        if (state == State::ok) return {End::frame, 0};
      } else if (state == State::ok) {
        dataLeft_ = header_.length;
        headerHave_ = 0;
      }
    }
    if (state == State::ok) {
      const auto read = tls_.read(into.subspan(got, std::min(into.size() - got, dataLeft_)));
      state = read.state;
      got += read.bytes;
      dataLeft_ -= read.bytes;
    }
    if (state == State::ok) continue;
    if (got > 0) break;
    if (state == State::wouldBlock) return {End::wouldBlock, 0};
    return {state == State::ended && headerHave_ == 0 && dataLeft_ == 0 ? End::ended : End::broken, 0};
  }
  return {End::data, got};
}

}  // namespace chuantou::engine
