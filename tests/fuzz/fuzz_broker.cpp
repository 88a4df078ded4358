// The broker against its model (tests/unit/relay/broker_model.hpp): the input decides what happens.
#include "fuzz_input.hpp"
#include "relay/broker_model.hpp"

using namespace chuantou;

namespace {

class InputChoices final : public relay::test::Choices {
 public:
  explicit InputChoices(fuzz::Input input) : input_(input) {}
  std::size_t below(std::size_t limit) override { return input_.below(limit); }
  bool empty() const { return input_.empty(); }

 private:
  fuzz::Input input_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  InputChoices choices{fuzz::Input{data, size}};
  try {
    relay::test::BrokerModel model{{choices.oneIn(2), choices.oneIn(2)}, 1};
    for (int step = 0; step < 2000 && !choices.empty(); ++step) model.step(choices);
    model.finish();
  } catch (const std::logic_error& e) {
    fuzz::expect(false, e.what());
  }
  return 0;
}
