#include "engine/client/flow_sealing.hpp"

namespace chuantou::engine {

namespace {

class Sealing final : public OutboundCarrier::User, public std::enable_shared_from_this<Sealing> {
 public:
  Sealing(Target target, std::weak_ptr<CarrierPool> pool, std::weak_ptr<FlowSealUser> user, const wire::SealFrame& seal)
      : target_(std::move(target)), pool_(std::move(pool)), user_(std::move(user)), seal_(seal) {}

  void onPlainReady(std::shared_ptr<OutboundCarrier>, net::TcpSocket) override {}  // never: the pool's target is not plain
  void onSecureReady(std::shared_ptr<OutboundCarrier> carrier) override {
    carrier_ = std::move(carrier);
    readAnswer();
  }
  void onCarrierAnswer() override {}
  void onCarrierFailed(const Error& error) override {
    carrier_.reset();
    if (const auto user = user_.lock()) user->onSealFailed(seal_.session, Error{error.errc(), toString(target_), error.detail()});
  }

 private:
  void readAnswer() {
    Frame frame;
    switch (carrier_->line().readFrame(frame)) {
      case FrameLine::State::wouldBlock:
        return carrier_->line().waitReadable([self = shared_from_this(), keep = carrier_](const net::ErrorCode& ec) {
          if (ec || !self->carrier_) return;
          self->readAnswer();
        });
      case FrameLine::State::ok:
        if (carrier_->onFrame(frame) == net::PumpGate::Verdict::pass) finish();
        return;
      default:
        return carrier_->onEndedUnanswered();
    }
  }
  void finish() {
    const auto carrier = std::exchange(carrier_, nullptr);
    if (const auto user = user_.lock()) {
      user->onSealed(seal_.session, crypto::exportSealKeys(carrier->line().session(), wire::sealContext(seal_)));
    }
    if (const auto pool = pool_.lock()) {
      pool->giveBack(carrier);
    } else {
      carrier->drop();
    }
  }

  Target target_;
  std::weak_ptr<CarrierPool> pool_;
  std::weak_ptr<FlowSealUser> user_;
  wire::SealFrame seal_;
  std::shared_ptr<OutboundCarrier> carrier_;
};

}  // namespace

void sealFlow(ClientContext& context, std::weak_ptr<CarrierPool> pool, const Target& target, SessionId session,
              std::weak_ptr<FlowSealUser> user) {
  const auto carriers = pool.lock();
  if (!carriers) return;
  wire::SealFrame seal;
  seal.port = target.port;
  seal.host = target.host;
  seal.session = session;
  context.random.fill(seal.nonce);
  carriers->open(wire::encodeSeal(seal), std::make_shared<Sealing>(target, pool, std::move(user), seal));
}

}  // namespace chuantou::engine
