// A million random operations on pairs of clients: programs that write, read, finish and give up; carriers that are slow,
// stall, are cut at any byte, replaced and switched; several streams that share a pool and follow each other on carriers.
#include <catch2/catch.hpp>

#include "stream/stream_pair.hpp"

using namespace chuantou;
using namespace chuantou::test;

namespace {

constexpr std::size_t kOperations = 1'000'000;
constexpr std::size_t kOperationsAPair = 2'000;

PairRules rulesOf(SeededRandom& random) {
  PairRules rules;
  rules.memory = random.below(2) == 0 ? 512 * 1024 : 64 * 1024 * 1024;
  rules.mostStreams = 1 + random.below(4);
  rules.bulk = random.below(4) == 0;
  rules.largest = rules.bulk || random.below(3) == 0 ? 128 * 1024 : 1 + random.below(4096);
  rules.cuts = random.below(5);
  rules.aborts = random.below(3);
  return rules;
}

}  // namespace

TEST_CASE("a million operations, and no byte lost or repeated", "[stream][model]") {
  const std::uint64_t first = testSeed("resumable streams");
  std::uint64_t bytes = 0, streams = 0, resumptions = 0, switches = 0, repeated = 0;
  for (std::uint64_t pairs = 0; pairs < kOperations / kOperationsAPair; ++pairs) {
    const std::uint64_t seed = first + pairs;
    INFO("CHUANTOU_TEST_SEED=" << seed << " repeats it at once");
    SeededRandom random{seed};
    StreamPair pair{seed, rulesOf(random)};
    const std::size_t calm = 200 + random.below(kOperationsAPair);
    for (std::size_t i = 0; i < kOperationsAPair; ++i) {
      pair.step();
      if (i % calm == calm - 1) pair.settle();
    }
    pair.end();
    bytes += pair.bytes;
    streams += pair.opened();
    resumptions += pair.resumptions;
    switches += pair.switches;
    repeated += pair.repeated;
  }
  std::printf("  %llu MB in %llu streams, %llu resumptions, %llu switches, %llu MB sent again\n",
              static_cast<unsigned long long>(bytes >> 20), static_cast<unsigned long long>(streams),
              static_cast<unsigned long long>(resumptions), static_cast<unsigned long long>(switches),
              static_cast<unsigned long long>(repeated >> 20));
  // It has tried what it says.
  CHECK(streams > 1000);
  CHECK(resumptions > 1000);
  CHECK(switches > 500);
  CHECK(repeated > 0);
}
