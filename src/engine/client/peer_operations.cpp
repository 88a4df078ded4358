#include "engine/client/peer_operations.hpp"

#include <asio/buffer.hpp>
#include <asio/error.hpp>

namespace chuantou::engine {

namespace {

/// An operation with a deadline on one carrier.
class Operation : public OutboundCarrier::User, public std::enable_shared_from_this<Operation> {
 public:
  Operation(ClientContext& context, Target target)
      : context_(context), target_(std::move(target)), timer_(context.thread.context()), socket_(context.thread.context()) {}

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

  void onCarrierReady(std::shared_ptr<OutboundCarrier>, net::TcpSocket socket) override {
    if (over_) return;
    socket_ = std::move(socket);
    wait();
  }
  void onCarrierAnswer() override {}
  void onCarrierFailed(const Error& error) override { fail(error); }

 protected:
  virtual void onReadable() = 0;
  virtual void report(const Error* error) = 0;

  void wait() {
    socket_.async_wait(net::TcpSocket::wait_read, [self = shared_from_this()](const net::ErrorCode& ec) {
      if (!ec && !self->over_) self->onReadable();
    });
  }
  void fail(const Error& error) { finish(&error); }
  void finish(const Error* error) {
    if (std::exchange(over_, true)) return;
    const auto self = shared_from_this();
    timer_.cancel();
    if (const auto carrier = std::exchange(carrier_, nullptr)) carrier->drop();
    report(error);
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

class Connect final : public Operation {
 public:
  Connect(ClientContext& context, std::shared_ptr<net::IoThread> thread, Target target, ConnectDone done)
      : Operation(context, std::move(target)), thread_(std::move(thread)), done_(std::move(done)) {}

 private:
  void onReadable() override {
    switch (carrier_->onReadable(socket_)) {
      case net::PumpGate::Verdict::wait:
        return wait();
      case net::PumpGate::Verdict::pass:
        early_ = carrier_->takeRest();
        return finish(nullptr);
      case net::PumpGate::Verdict::fail:
        return;  // onCarrierFailed has been called
    }
  }
  void report(const Error* error) override {
    if (error) return done_(error->code(), error, nullptr);
    done_({}, nullptr, std::make_shared<detail::StreamImpl>(thread_, std::move(socket_), std::move(early_), target_.peer.str(), target_.port));
  }
  std::shared_ptr<net::IoThread> thread_;
  std::vector<std::uint8_t> early_;
  ConnectDone done_;
};

class Ping final : public Operation {
 public:
  Ping(ClientContext& context, Target target, PingDone done) : Operation(context, std::move(target)), done_(std::move(done)) {}

 private:
  void onReadable() override {
    net::ErrorCode ec;
    have_ += socket_.read_some(asio::buffer(reply_.data() + have_, reply_.size() - have_), ec);
    if (ec && ec != asio::error::would_block && ec != asio::error::try_again) {
      // A refusal travels over the control channel and says more: it has the deadline's time to arrive.
      return;
    }
    if (have_ < reply_.size()) return wait();
    have_ = 0;
    const TimePoint now = Clock::now();
    if (sentAt_ == TimePoint{}) {
      sentAt_ = now;
      const auto ping = wire::encodePing(wire::FrameType::ping, std::span<const std::uint8_t, wire::kPingSize>{payload_});
      socket_.write_some(asio::buffer(ping), ec);
      return wait();
    }
    rtt_ = std::chrono::duration_cast<std::chrono::microseconds>(now - sentAt_);
    finish(nullptr);
  }
  void report(const Error* error) override { done_(error, rtt_); }

  PingDone done_;
  std::array<std::uint8_t, wire::kPingSize> payload_{};
  std::array<std::uint8_t, wire::kFrameHeaderSize + wire::kPingSize> reply_{};
  std::size_t have_ = 0;
  TimePoint sentAt_{};
  std::chrono::microseconds rtt_{0};
};

}  // namespace

void connectToPeer(ClientContext& context, std::shared_ptr<net::IoThread> thread, const Target& target, Duration deadline,
                   ConnectDone done) {
  std::make_shared<Connect>(context, std::move(thread), target, std::move(done))
      ->start(deadline, wire::encodeOpen(wire::OpenFrame{target.port, target.host}, wire::kFlagAnswerAtOnce));
}

void pingPeer(ClientContext& context, const Target& target, Duration deadline, PingDone done) {
  const std::array<std::uint8_t, wire::kPingSize> payload{};
  std::make_shared<Ping>(context, target, std::move(done))
      ->start(deadline, wire::encodePing(wire::FrameType::ping, std::span<const std::uint8_t, wire::kPingSize>{payload}));
}

}  // namespace chuantou::engine
