// The file of known peers: what is read and written again is the same from then on.
#include <string>

#include "engine/client/known_peers.hpp"
#include "fuzz_input.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  const auto peers = engine::parseKnownPeers(input.restAsText());
  if (!peers) {
    expect(peers.error().errc() == Errc::bad_config, "another error than bad_config");
    expect(peers.error().subject().rfind("line ", 0) == 0, "an error that does not name the line");
    return 0;
  }
  expect(peers.value().size() <= engine::KnownPeers::kMost, "more peers than may be");
  const std::string text = engine::formatKnownPeers(peers.value());
  const auto again = engine::parseKnownPeers(text);
  expect(again.ok(), "what was written cannot be read");
  expect(engine::formatKnownPeers(again.value()) == text, "written again it is something else");
  for (const auto& [id, peer] : peers.value()) {
    const auto it = again.value().find(id);
    expect(it != again.value().end() && it->second.key == peer.key && it->second.sinceMs == peer.sinceMs, "another peer came back");
  }
  return 0;
}
