// A port mapping's life against its model (tests/unit/nat/lease_model.hpp): the input decides what happens.
#include "fuzz_input.hpp"
#include "nat/lease_model.hpp"

using namespace chuantou;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::InputChoices<test::LeaseChoices> choices{fuzz::Input{data, size}};
  try {
    test::LeaseModel model{choices};
    for (int step = 0; step < 2000 && !choices.empty(); ++step) model.step();
  } catch (const std::logic_error& e) {
    fuzz::expect(false, e.what());
  }
  return 0;
}
