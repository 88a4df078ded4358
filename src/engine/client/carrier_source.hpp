// Where a stream's carriers come from.
#pragma once

#include "engine/client/outbound_carrier.hpp"

namespace chuantou::engine {

class CarrierSource {
 public:
  virtual ~CarrierSource() = default;
  /// As OutboundCarrier::open(), on some carrier to the target.
  virtual void open(wire::FrameBytes first, std::shared_ptr<OutboundCarrier::User> user) = 0;
  /// The same on a carrier that is made for it: on the way that is the right one now.
  virtual void openNew(std::shared_ptr<OutboundCarrier::User> user) = 0;
  /// An encrypted carrier whose stream has left it.
  virtual void giveBack(std::shared_ptr<OutboundCarrier> carrier) = 0;
  /// A carrier went silent: the others that were made when it was are not to be trusted.
  virtual void distrust() = 0;
};

}  // namespace chuantou::engine
