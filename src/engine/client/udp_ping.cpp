#include "engine/client/udp_ping.hpp"

#include <algorithm>

#include "engine/client/flow_sealing.hpp"
#include "engine/client/ping_series.hpp"

namespace chuantou::engine {

namespace {

/// A datagram that takes longer through one relay will not come.
constexpr std::chrono::seconds kLostAfter{1};
/// Longer than any ping takes.
constexpr Millis kLongestDeadline{60'000};

class UdpPing final : public SessionHandler, public UdpSessionUser, public FlowSealUser, public std::enable_shared_from_this<UdpPing> {
 public:
  UdpPing(ClientContext& context, UdpLink& link, const Target& target, const UdpPingOptions& options, UdpPingDone done)
      : context_(context),
        link_(link),
        target_(target),
        series_(options.count, options.interval, kLostAfter),
        done_(std::move(done)),
        timer_(context.thread.context()) {
    target_.plain = context.config.encryption == Encryption::none;
  }

  void start(Duration deadline) {
    if (!context_.link.registered()) {
      const Error error{Errc::not_running, "the connection to the server"};
      return finish(&error);
    }
    askedAt_ = Clock::now();
    endAt_ = askedAt_ + deadline;
    if (!context_.link.udpServer()) return fail(Errc::server_unreachable, overUdp(), "UDP does not pass through a proxy");
    key_ = context_.desk.request(target_, wire::Transport::udp, 0, weak_from_this());
    // One carrier, on which the keys are agreed on, and none in advance.
    if (!target_.plain) carriers_ = std::make_shared<CarrierPool>(context_, target_, std::uint16_t{0}, 0);
    wait();
  }

  void onCreated(SessionId id, std::optional<UdpSession> udp, const wire::PeerKey&) override {
    if (!udp || session_) return fail(Errc::protocol_error, "the server", "a UDP session without a number");
    id_ = id;
    session_ = *udp;
    link_.bind(*session_, key_, *this, !target_.plain);
    if (session_ && !target_.plain) sealFlow(context_, carriers_, target_, id, weak_from_this());
  }
  void onSealed(SessionId id, const crypto::SealKeys& keys) override {
    if (!session_ || id != id_) return;
    link_.seal(*session_, keys.initiatorToTarget, keys.targetToInitiator);
    sealed_ = true;
    openIfReady();
  }
  void onSealFailed(SessionId id, const Error& error) override {
    if (session_ && id == id_) fail(error.errc(), target_.peer.str(), error.detail());
  }
  void onAccepted() override {
    accepted_ = true;
    openIfReady();
  }
  void onBound() override {
    bound_ = true;
    openIfReady();
  }
  void onSessionFailed(const Error& error) override {
    switch (error.errc()) {
      case Errc::target_unreachable:
        return fail(error.errc(), "the server over UDP", error.detail());
      case Errc::stopped:
        return fail(error.errc(), "the client", error.detail());
      case Errc::not_allowed:  // it may know nothing of them
        return fail(error.errc(), "pings over UDP", error.detail());
      default:
        return fail(error.errc(), target_.peer.str(), error.detail());
    }
  }
  void onBindFailed() override { fail(Errc::server_unreachable, overUdp(), "it does not answer there"); }
  void onDatagram(std::span<const std::uint8_t> datagram) override {
    const TimePoint now = Clock::now();
    if (!series_.handleAnswer(now, datagram)) return;
    if (series_.answered() == 1) context_.peerWays.succeeded(target_.peer, kRelayUdp, link_.where(), openedAt_ - askedAt_);
    if (series_.isOver(now)) finish(nullptr);
  }

 private:
  std::string overUdp() const { return link_.where() + " over UDP"; }

  void openIfReady() {
    if (open_ || !session_ || !bound_ || !accepted_ || (!sealed_ && !target_.plain)) return;
    open_ = true;
    openedAt_ = Clock::now();
    ask();
  }
  void ask() {
    const TimePoint now = Clock::now();
    if (series_.isOver(now)) return finishLost();
    if (const auto question = series_.pollQuestion(now, context_.random)) {
      link_.send(*session_, *question);
      context_.udpSender.flush();
    }
    wait();
  }
  void wait() {
    timer_.expires_at(open_ ? std::min(endAt_, series_.nextAt()) : endAt_);
    timer_.async_wait([self = shared_from_this()](const net::ErrorCode& ec) {
      if (ec || !self->done_) return;
      if (!self->open_) return self->fail(Errc::timed_out, "a UDP flow to " + self->target_.peer.str(), "");
      if (Clock::now() < self->endAt_) return self->ask();
      self->finishLost();
    });
  }

  /// Not everything has come back; perhaps nothing.
  void finishLost() {
    if (series_.answered() == 0) {
      context_.peerWays.failed(target_.peer, kRelayUdp, link_.where(), Error{Errc::timed_out, "an answer of " + target_.peer.str() + " over UDP"});
    }
    finish(nullptr);
  }
  void fail(Errc code, std::string subject, std::string detail) {
    if (!done_) return;
    const Error error{code, std::move(subject), std::move(detail)};
    if (series_.answered() == 0) context_.peerWays.failed(target_.peer, kRelayUdp, link_.where(), error);
    finish(&error);
  }
  void finish(const Error* error) {
    if (!done_) return;
    const auto self = shared_from_this();
    const UdpPingDone done = std::exchange(done_, nullptr);
    timer_.cancel();
    if (session_) link_.unbind(*session_);
    session_.reset();
    carriers_.reset();
    context_.desk.forget(key_, "the ping is over");
    done(error, series_.roundTrips());
  }

  ClientContext& context_;
  UdpLink& link_;
  Target target_;
  PingSeries series_;
  UdpPingDone done_;
  net::Timer timer_;  ///< always runs, and holds the ping
  std::shared_ptr<CarrierPool> carriers_;
  TimePoint askedAt_{};
  TimePoint openedAt_{};
  TimePoint endAt_{};
  DataKey key_;
  SessionId id_{};
  std::optional<UdpSession> session_;
  bool bound_ = false;
  bool accepted_ = false;
  bool sealed_ = false;
  bool open_ = false;
};

}  // namespace

void pingPeerOverUdp(ClientContext& context, UdpLink& link, const Target& target, const UdpPingOptions& options, UdpPingDone done) {
  std::make_shared<UdpPing>(context, link, target, options, std::move(done))
      ->start(std::clamp(options.deadline, Millis{0}, kLongestDeadline));
}

}  // namespace chuantou::engine
