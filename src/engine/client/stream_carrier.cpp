#include "engine/client/stream_carrier.hpp"

#include "engine/client/carried_stream.hpp"

namespace chuantou::engine {

void StreamCarrier::leaveBehind(std::shared_ptr<CarriedStream> stream) {
  confirmBehind();
  behind_ = std::move(stream);
}

void StreamCarrier::handleForBehind(const Frame& frame) {
  if (const auto stream = behind_; stream && stream->handleBehind(frame)) behind_.reset();
}

void StreamCarrier::confirmBehind() {
  if (const auto stream = std::exchange(behind_, nullptr)) stream->onConfirmed();
}

void StreamCarrier::forgetBehind(const CarriedStream& stream) {
  if (behind_.get() == &stream) behind_.reset();
}

void StreamCarrier::loseBehind() {
  if (const auto stream = std::exchange(behind_, nullptr)) stream->onLostBehind();
}

}  // namespace chuantou::engine
