// A carrier, as the streams see it that use it one after the other.
#pragma once

#include <memory>
#include <string_view>

#include "engine/client/secure_line.hpp"

namespace chuantou::engine {

class CarriedStream;

class StreamCarrier {
 public:
  virtual ~StreamCarrier() = default;
  virtual SecureLine& line() noexcept = 0;
  /// The stream has left. `free`: the next one may come; otherwise the line is of no use any more.
  virtual void onStreamLeft(bool free) = 0;
  /// The target has answered the stream's OPEN or RESUME.
  virtual void onAnswered() {}
  /// Of which kind its way is, as people are told: a literal.
  std::string_view way() const noexcept { return way_; }

  /// The stream that has left without knowing that its last bytes have arrived. An ACK that comes before the next
  /// stream's answer is for it; the next stream's first frame, or its answer, says that they have.
  void leaveBehind(std::shared_ptr<CarriedStream> stream);
  /// A frame that is not the present stream's.
  void handleForBehind(const Frame& frame);
  void confirmBehind();
  void forgetBehind(const CarriedStream& stream);

 protected:
  /// The carrier has ended.
  void loseBehind();
  std::string_view way_;

 private:
  std::shared_ptr<CarriedStream> behind_;
};

}  // namespace chuantou::engine
