// A stream that a peer has opened: reaches the service here, and waits for the peer when it has lost its carrier.
#pragma once

#include "base/port_rules.hpp"
#include "engine/client/carried_stream.hpp"
#include "engine/client/stream_pump.hpp"

namespace chuantou::engine {

class InboundCarrier;
class TcpTargets;
struct Visitor;

class InboundStream final : public CarriedStream {
 public:
  static std::shared_ptr<InboundStream> make(TcpTargets& targets, const Visitor& visitor, const wire::OpenFrame& open, bool answerAtOnce);
  InboundStream(TcpTargets& targets, const Visitor& visitor, const wire::OpenFrame& open, bool answerAtOnce);

  /// OPEN has come on this carrier.
  void openOn(std::shared_ptr<InboundCarrier> carrier);
  /// RESUME has, of a stream whose OPEN has not.
  void openLateOn(std::shared_ptr<InboundCarrier> carrier);
  void resumeOn(std::shared_ptr<InboundCarrier> carrier, const wire::ResumeFrame& resume);
  /// RESUME says that it is to go over to this carrier, while its present one lives. False: it cannot.
  bool migrateOn(std::shared_ptr<InboundCarrier> carrier, const wire::ResumeFrame& resume);

 private:
  void reachService();
  void onServiceReached(net::TcpSocket service);
  void serveInProcess();
  void reject(const Error& error);
  void onDetached() override {}
  void onSilent() override {
    if (context_.link.registered()) context_.link.doubt();
  }
  void onTickDetached(TimePoint now) override;
  void onOver() override;

  TcpTargets* targets_;
  PublicKey peerKey_;
  bool sameGroup_;
  std::string host_;
  bool answerAtOnce_;
  bool memorable_ = false;  ///< a frame of it may still be on its way on a carrier that was given up
  std::uint32_t lastAgeMs_ = 0;
  std::weak_ptr<InboundCarrier> on_;
  std::shared_ptr<StreamPump> pump_;

  friend class TcpTargets;
};

}  // namespace chuantou::engine
