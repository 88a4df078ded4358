// The control channel's JSON in both directions: what is decoded is encoded and decoded to the same again.
#include "base/utf8.hpp"
#include "fuzz_input.hpp"
#include "wire/control_message.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

namespace {

template <class Decode>
void check(std::string_view json, Decode decode) {
  const auto message = decode(json);
  if (!message) {
    expect(message.error().errc() == Errc::protocol_error, "another error than protocol_error");
    expect(isUtf8(message.error().detail()), "an error that cannot be sent back");
    return;
  }
  const std::string text = wire::encode(message.value());
  expect(isUtf8(text), "a message that is not UTF-8");
  const auto again = decode(text);
  expect(again.ok(), "a message that cannot be read back");
  expect(again.value().index() == message.value().index(), "a message that became another one");
  expect(wire::encode(again.value()) == text, "a message that changed on its way");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json = Input{data, size}.restAsText();
  check(json, wire::decodeToServer);
  check(json, wire::decodeToClient);
  return 0;
}
