// What a connection is: the answer does not depend on how the bytes come, and never changes.
#include "fuzz_input.hpp"
#include "wire/first_bytes.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes{data, size};
  const auto whole = wire::classify(bytes);
  for (std::size_t n = 0; n <= size; ++n) {
    const auto soFar = wire::classify(bytes.first(n));
    expect(soFar == wire::FirstBytes::more || soFar == whole, "an answer that changed");
    expect(n < 2 || soFar != wire::FirstBytes::more, "two bytes that are not enough");
  }
  if (whole == wire::FirstBytes::data && size >= wire::kPrefaceSize) {
    const auto preface = bytes.first<wire::kPrefaceSize>();
    const auto again = wire::encodePreface(wire::decodePreface(preface));
    expect(std::equal(again.begin(), again.end(), preface.begin()), "a preface that changed");
  }
  return 0;
}
