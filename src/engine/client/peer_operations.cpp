#include "engine/client/peer_operations.hpp"

#include <asio/buffer.hpp>

#include "engine/client/carrier_pool.hpp"
#include "engine/client/outbound_stream.hpp"
#include "engine/client/stream_registry.hpp"

namespace chuantou::engine {

namespace {

/// An operation with a deadline on one carrier.
class Operation : public OutboundCarrier::User, public std::enable_shared_from_this<Operation> {
 public:
  Operation(ClientContext& context, Target target)
      : context_(context), target_(std::move(target)), timer_(context.thread.context()), socket_(context.thread.context()) {
    target_.plain = context.config.encryption == Encryption::none;
  }

  void start(Duration deadline, wire::FrameBytes first) {
    timer_.expires_after(deadline);
    timer_.async_wait([weak = weak_from_this()](const net::ErrorCode& ec) {
      const auto self = weak.lock();
      if (!ec && self) self->fail(Error{Errc::timed_out, toString(self->target_)});
    });
    if (!context_.link.registered()) return fail(Error{Errc::not_running, "the connection to the server"});
    carrier_ = std::make_shared<OutboundCarrier>(context_, target_);
    carrier_->start(0);
    carrier_->open(std::move(first), shared_from_this());
  }

  void onPlainReady(std::shared_ptr<OutboundCarrier>, net::TcpSocket socket) override {
    if (over_) return;
    socket_ = std::move(socket);
    wait();
  }
  void onSecureReady(std::shared_ptr<OutboundCarrier>) override {
    if (!over_) onReadable();
  }
  void onCarrierAnswer() override {}
  void onCarrierFailed(const Error& error) override { fail(error); }

 protected:
  virtual void onReadable() = 0;
  virtual void report(const Error* error) = 0;

  void wait() {
    auto go = [self = shared_from_this(), keep = carrier_](const net::ErrorCode& ec) {
      if (!ec && !self->over_) self->onReadable();
    };
    if (target_.plain) return socket_.async_wait(net::TcpSocket::wait_read, std::move(go));
    carrier_->line().waitReadable(std::move(go));
  }
  FrameLine::State readFrame(Frame& frame) {
    return target_.plain ? carrier_->plainLine().readFrame(socket_, frame) : carrier_->line().readFrame(frame);
  }
  void fail(const Error& error) { finish(&error); }
  void finish(const Error* error) {
    if (std::exchange(over_, true)) return;
    const auto self = shared_from_this();
    timer_.cancel();
    report(error);
    if (const auto carrier = std::exchange(carrier_, nullptr)) carrier->drop();
    net::ErrorCode ignored;
    if (socket_.is_open()) socket_.close(ignored);
  }

  ClientContext& context_;
  Target target_;
  net::Timer timer_;
  net::TcpSocket socket_;
  std::shared_ptr<OutboundCarrier> carrier_;
  bool over_ = false;
};

/// Without encryption: the carrier's bytes.
class PlainConnect final : public Operation {
 public:
  PlainConnect(ClientContext& context, std::shared_ptr<net::IoThread> thread, Target target, ConnectDone done)
      : Operation(context, std::move(target)), thread_(std::move(thread)), done_(std::move(done)) {}

 private:
  void onReadable() override {
    Frame frame;
    switch (readFrame(frame)) {
      case FrameLine::State::wouldBlock:
        return wait();
      case FrameLine::State::ok:
        if (carrier_->onFrame(frame) == net::PumpGate::Verdict::pass) finish(nullptr);
        return;
      default:
        carrier_->onEndedUnanswered();
    }
  }
  void report(const Error* error) override {
    if (error) return done_(error->code(), error, nullptr);
    const auto carrier = std::exchange(carrier_, nullptr);  // the stream's from here on
    auto transport = makePlainTransport(std::move(socket_), carrier->takeRest());
    done_({}, nullptr, std::make_shared<detail::StreamImpl>(thread_, std::move(transport), target_.peer.str(), target_.port));
  }
  std::shared_ptr<net::IoThread> thread_;
  ConnectDone done_;
};

class StreamConnect final : public OutboundStream::Listener, public std::enable_shared_from_this<StreamConnect> {
 public:
  StreamConnect(ClientContext& context, std::shared_ptr<net::IoThread> thread, const Target& target, ConnectDone done)
      : context_(context), thread_(std::move(thread)), target_(target), done_(std::move(done)), timer_(context.thread.context()) {}

  void start(Duration deadline) {
    if (!context_.link.registered()) return onStreamFailed(Error{Errc::not_running, "the connection to the server"});
    timer_.expires_after(deadline);
    timer_.async_wait([self = shared_from_this()](const net::ErrorCode& ec) {
      if (!ec) self->onStreamFailed(Error{Errc::timed_out, toString(self->target_)});
    });
    OutboundStream::Options options{target_, context_.config.patience, true, context_.poolOf(target_)};
    stream_ = OutboundStream::make(context_, std::move(options), weak_from_this());
    stream_->open();
  }

  void onStreamAnswered() override {
    if (!done_) return;
    timer_.cancel();
    auto transport = makeSecureTransport(std::exchange(stream_, nullptr));
    std::exchange(done_, nullptr)({}, nullptr, std::make_shared<detail::StreamImpl>(thread_, std::move(transport), target_.peer.str(), target_.port));
  }
  void onStreamFailed(const Error& error) override {
    if (!done_) return;
    const auto self = shared_from_this();
    timer_.cancel();
    const auto done = std::exchange(done_, nullptr);
    if (const auto stream = std::exchange(stream_, nullptr)) stream->abort();
    done(error.code(), &error, nullptr);
  }

 private:
  ClientContext& context_;
  std::shared_ptr<net::IoThread> thread_;
  Target target_;
  ConnectDone done_;
  net::Timer timer_;
  std::shared_ptr<OutboundStream> stream_;
};

class Ping final : public Operation {
 public:
  Ping(ClientContext& context, Target target, PingDone done) : Operation(context, std::move(target)), done_(std::move(done)) {}

 private:
  void onReadable() override {
    Frame frame;
    switch (readFrame(frame)) {
      case FrameLine::State::wouldBlock:
        return wait();
      case FrameLine::State::ok:
        break;
      default:
        return;  // a refusal travels over the control channel and says more: it has the deadline's time to arrive
    }
    if (frame.header.type != wire::FrameType::pong) return fail(Error{Errc::protocol_error, "the peer", "an unexpected frame"});
    const TimePoint now = Clock::now();
    if (sentAt_ != TimePoint{}) {
      rtt_ = std::chrono::duration_cast<std::chrono::microseconds>(now - sentAt_);
      return finish(nullptr);
    }
    sentAt_ = now;
    const auto ping = wire::encodePing(wire::FrameType::ping, std::span<const std::uint8_t, wire::kPingSize>{payload_});
    const bool sent = target_.plain ? sendPlain(ping) : carrier_->line().sendFrame(ping);
    if (!sent) return fail(Error{Errc::connection_lost, toString(target_)});
    wait();
  }
  void report(const Error* error) override { done_(error, rtt_); }

  bool sendPlain(std::span<const std::uint8_t> frame) {
    net::ErrorCode ec;
    return socket_.write_some(asio::buffer(frame.data(), frame.size()), ec) == frame.size() && !ec;
  }

  PingDone done_;
  std::array<std::uint8_t, wire::kPingSize> payload_{};
  TimePoint sentAt_{};
  std::chrono::microseconds rtt_{0};
};

}  // namespace

void connectToPeer(ClientContext& context, std::shared_ptr<net::IoThread> thread, const Target& target, Duration deadline,
                   ConnectDone done) {
  if (context.config.encryption != Encryption::none) {
    return std::make_shared<StreamConnect>(context, std::move(thread), target, std::move(done))->start(deadline);
  }
  std::make_shared<PlainConnect>(context, std::move(thread), target, std::move(done))
      ->start(deadline, wire::encodeOpen(wire::OpenFrame{target.port, target.host, {}, 0}, wire::kFlagAnswerAtOnce));
}

void pingPeer(ClientContext& context, const Target& target, Duration deadline, PingDone done) {
  const std::array<std::uint8_t, wire::kPingSize> payload{};
  std::make_shared<Ping>(context, target, std::move(done))
      ->start(deadline, wire::encodePing(wire::FrameType::ping, std::span<const std::uint8_t, wire::kPingSize>{payload}));
}

}  // namespace chuantou::engine
