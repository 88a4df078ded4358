// The broker against its model (tests/unit/relay/broker_model.hpp): the input decides what happens.
#include "fuzz_input.hpp"
#include "relay/broker_model.hpp"

using namespace chuantou;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::InputChoices<relay::test::Choices> choices{fuzz::Input{data, size}};
  try {
    relay::test::BrokerModel model{{choices.oneIn(2), choices.oneIn(2)}, 1};
    for (int step = 0; step < 2000 && !choices.empty(); ++step) model.step(choices);
    model.finish();
  } catch (const std::logic_error& e) {
    fuzz::expect(false, e.what());
  }
  return 0;
}
