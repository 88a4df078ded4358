// The control connection's bytes, as HTTP and as WebSocket frames: what comes of them does not depend on how they are
// cut.
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "fuzz_input.hpp"
#include "net/websocket_codec.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;
using net::WebSocketCodec;

namespace {

constexpr std::size_t kMaxMessage = 2048;
constexpr std::string_view kUpgrade =
    "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

struct Result {
  std::vector<std::string> events;
  std::string output;
  bool finished = false;
};

Result run(bool server, const std::string& bytes, const std::vector<std::size_t>& cuts, bool obliging = false) {
  WebSocketCodec codec = server ? WebSocketCodec::server(kMaxMessage) : WebSocketCodec::client("h:1", "/", kMaxMessage);
  Result result;
  std::size_t at = 0;
  std::size_t cut = 0;
  while (at < bytes.size()) {
    const std::size_t size = cuts.empty() ? bytes.size() : std::min(cuts[cut++ % cuts.size()], bytes.size() - at);
    std::vector<std::uint8_t> chunk(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
    codec.feed(chunk);
    at += size;
    WebSocketCodec::Event event;
    while (codec.next(event)) {
      using Kind = WebSocketCodec::Event::Kind;
      expect(
          result.events.empty() || result.events.back()[0] != static_cast<char>('0' + static_cast<int>(Kind::closed)),
          "an event after the end");
      expect(event.kind != Kind::text || event.data.size() <= kMaxMessage, "a message that is too long");
      expect(event.kind != Kind::text || isUtf8(event.data), "a text that is not UTF-8");
      result.events.push_back(static_cast<char>('0' + static_cast<int>(event.kind)) + event.data +
                              event.request.method + " " + event.request.path + "?" + event.request.query + "\n" +
                              event.request.body);
      if (event.kind == Kind::request) codec.respond({200, "text/plain", "yes"});
      if (obliging && event.kind == Kind::text) {
        codec.sendText(event.data);
        if (event.data == "close") codec.close(1000, "as you wish");
      }
    }
    expect(codec.output().size() < 4 * (bytes.size() + 1000), "an answer that is much longer than the question");
  }
  if (server) result.output = codec.output();  // a client's has a random key and masks
  result.finished = codec.finished();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  const std::size_t mode = input.byte();
  const bool server = mode % 4 != 3;
  std::vector<std::size_t> cuts;
  for (std::size_t i = mode / 4 % 4; i > 0; --i) cuts.push_back(input.below(64) + 1);
  if (cuts.empty()) cuts.push_back(1);
  std::string bytes{mode % 4 == 1 || mode % 4 == 2 ? kUpgrade : std::string_view{}};
  bytes += input.restAsText();

  const Result whole = run(server, bytes, {});
  const Result parts = run(server, bytes, cuts);
  expect(whole.finished == parts.finished, "the end depends on how the bytes come");
  expect(whole.events == parts.events, "the events depend on how the bytes come");
  expect(whole.output == parts.output, "the answer depends on how the bytes come");
  run(server, bytes, cuts, true);  // what we say in between is said at other places
  return 0;
}
