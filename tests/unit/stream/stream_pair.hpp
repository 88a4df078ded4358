// Two simulated clients, the carriers between them, and virtual time; chance, from one seed, decides what happens next.
//
// The oracle: every byte is the one that was sent at its position (SimSide); FIN comes when and only when all bytes have;
// with healthy carriers all that is owed arrives, without any tick; memory keeps to its limits, and is all given back.
#pragma once

#include "stream/sim_side.hpp"

namespace chuantou::test {

struct PairRules {
  std::size_t memory = 2 * 1024 * 1024;  ///< of each side's pool
  std::size_t mostStreams = 3;           ///< at a time
  std::size_t largest = 128 * 1024;      ///< write or read at once
  std::size_t cuts = 4;                  ///< of a thousand operations
  std::size_t aborts = 2;
  bool bulk = false;  ///< programs that send much and hardly ever finish
};

class StreamPair {
 public:
  StreamPair(std::uint64_t seed, PairRules rules);

  void step();
  /// Healthy carriers and patient programs: everything arrives.
  void settle();
  /// All streams come to their end.
  void end();

  TimePoint now() const noexcept { return now_; }
  SimSide& side(SideOf which) noexcept { return which == kInitiator ? initiator_ : target_; }
  std::uint64_t opened() const noexcept { return ids_; }
  std::uint64_t bytes = 0;  ///< written by programs
  std::uint64_t resumptions = 0;
  std::uint64_t switches = 0;
  std::uint64_t cuts = 0;
  std::uint64_t repeated = 0;

 private:
  std::size_t some();
  SimStream* any(SimSide& side);
  void program(SimSide& side);
  void carrier();
  SimLine& newLine();
  void openStream();
  void connect(bool all);
  void cut(SimCarrier& carrier);
  bool pumpOnce(SimSide& side);
  void retire();
  void checkMemory(SimSide& side);

  SeededRandom random_;
  PairRules rules_;
  BytePattern up_;
  BytePattern down_;
  SimSide initiator_;
  SimSide target_;
  TimePoint now_{std::chrono::hours{1}};
  std::uint64_t ids_ = 0;
  std::uint32_t age_ = 0;
};

}  // namespace chuantou::test
