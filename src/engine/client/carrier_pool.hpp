// Keeps carriers to one target ready, as many as its rate of new connections is worth.
#pragma once

#include <deque>

#include "engine/client/carrier_source.hpp"

namespace chuantou::engine {

/// Warm carriers are made when connections come, never by themselves: a proxy that nobody uses holds none, and one whose
/// target refuses does not hammer it.
class CarrierPool final : public CarrierSource, public std::enable_shared_from_this<CarrierPool> {
 public:
  CarrierPool(ClientContext& context, Target target, std::uint16_t localPort, std::size_t most);
  ~CarrierPool() override;

  /// Opens a carrier for this user with this frame: a warm one if there is one, else a new one.
  void open(wire::FrameBytes first, std::shared_ptr<OutboundCarrier::User> user) override;
  /// Somebody will come in a moment: the first carrier is made now.
  void prepare();
  void giveBack(std::shared_ptr<OutboundCarrier> carrier) override;
  void openNew(std::shared_ptr<OutboundCarrier::User> user) override { make()->open({}, std::move(user)); }
  void distrust() override { clear(); }
  /// The control channel was lost: what is warm is of no use.
  void clear();
  std::size_t warm() const noexcept { return warm_.size(); }

 private:
  std::shared_ptr<OutboundCarrier> make();
  std::shared_ptr<OutboundCarrier> takeWarm();
  void refill();
  void armTimer();
  void adjust();

  ClientContext& context_;
  Target target_;
  std::uint16_t localPort_;
  std::size_t most_;
  std::size_t wanted_ = 0;
  std::uint64_t opened_ = 0;  ///< carriers taken into use for the first time in the present period
  std::uint64_t taken_ = 0;   ///< all carriers taken into use in that time
  bool refillScheduled_ = false;
  bool timerArmed_ = false;
  std::deque<std::shared_ptr<OutboundCarrier>> warm_;  ///< idle for longest first
  net::Timer timer_;
};

}  // namespace chuantou::engine
