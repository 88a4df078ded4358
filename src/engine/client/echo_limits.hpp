// What a client does at most for those who ping it over UDP. Anybody who may ask it for a carrier may do so.
#pragma once

#include <map>

#include "base/allowance.hpp"
#include "base/ids.hpp"

namespace chuantou::engine {

class EchoLimits {
 public:
  /// Flows at a time.
  static constexpr std::size_t kMostFlows = 256;
  static constexpr std::size_t kMostFlowsOfPeer = 4;
  /// Answers a minute.
  static constexpr std::size_t kAnswers = 6'000;
  static constexpr std::size_t kAnswersOfFlow = 200;
  /// Bytes. The answer is the question itself, so that nothing is amplified; and a ping is no tunnel.
  static constexpr std::size_t kLargest = 64;
  /// Of a flow, whatever comes on it.
  static constexpr std::chrono::seconds kLife{30};

  /// A flow begins. False: there are too many.
  bool enter(const ClientId& peer) {
    if (flows_ >= kMostFlows) return false;
    std::size_t& ofPeer = ofPeers_[peer];
    if (ofPeer >= kMostFlowsOfPeer) return false;
    ++ofPeer;
    ++flows_;
    return true;
  }
  /// One that had entered is over.
  void leave(const ClientId& peer) {
    const auto it = ofPeers_.find(peer);
    if (it == ofPeers_.end()) return;
    --flows_;
    if (--it->second == 0) ofPeers_.erase(it);
  }
  /// Whether a datagram of this size is answered. `ofFlow`: what is left to its flow, at first Allowance{kAnswersOfFlow}.
  bool mayAnswer(TimePoint now, std::size_t size, Allowance& ofFlow) { return size <= kLargest && ofFlow.take(now) && answers_.take(now); }

  std::size_t flows() const noexcept { return flows_; }

 private:
  std::map<ClientId, std::size_t> ofPeers_;  ///< none is 0
  std::size_t flows_ = 0;
  Allowance answers_{kAnswers};
};

}  // namespace chuantou::engine
