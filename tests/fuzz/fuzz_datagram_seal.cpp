// What a relay may do to sealed datagrams: change, repeat, reorder and invent them. The receiver takes what was sealed,
// each one once, and nothing else.
#include <set>
#include <vector>

#include "crypto/datagram_seal.hpp"
#include "fuzz_input.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

namespace {
constexpr std::uint64_t kEpoch = 16;
constexpr std::size_t kMostSent = 200;
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  crypto::SealKey key;
  key.chaCha20 = input.byte() % 2 != 0;
  crypto::DatagramSealer sealer{key, kEpoch};
  crypto::DatagramOpener opener{key, kEpoch};
  std::vector<std::vector<std::uint8_t>> plain;
  std::vector<std::vector<std::uint8_t>> sent;
  std::set<std::size_t> taken;
  while (!input.empty()) {
    const std::size_t what = input.byte() % 4;
    if (what == 0 || sent.empty()) {
      if (sent.size() == kMostSent) return 0;
      const auto bytes = input.take(input.byte());
      plain.emplace_back(bytes.begin(), bytes.end());
      sent.emplace_back(bytes.size() + crypto::kSealOverhead);
      sealer.seal(bytes, sent.back());
      continue;
    }
    if (what == 1) {  // anything at all
      const auto bytes = input.take(input.byte());
      std::vector<std::uint8_t> invented(bytes.begin(), bytes.end());
      expect(!opener.open(invented), "an invented datagram was taken");
      continue;
    }
    const std::size_t which = input.below(sent.size());
    auto copy = sent[which];
    if (what == 2) {
      copy[input.word() % copy.size()] ^= static_cast<std::uint8_t>(input.byte() | 1);
      expect(!opener.open(copy), "a changed datagram was taken");
      continue;
    }
    const auto text = opener.open(copy);
    if (!text) continue;  // repeated, or too old
    expect(taken.insert(which).second, "a datagram was taken twice");
    expect(std::equal(text->begin(), text->end(), plain[which].begin(), plain[which].end()), "a datagram changed");
  }
  return 0;
}
