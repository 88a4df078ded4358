// What a proxy answers, and how proxies are written: the outcome does not depend on how the bytes come, and no more of them
// are taken than belong to the handshake.
#include "fuzz_input.hpp"
#include "wire/proxy_handshake.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;
using wire::ProxyHandshake;

namespace {

struct Outcome {
  std::size_t taken = 0;
  std::string said;
  ProxyHandshake::State state{};
  std::string failure;
  bool operator==(const Outcome&) const = default;
};

Outcome run(const ProxyUrl& proxy, std::span<const std::uint8_t> bytes, std::size_t step) {
  const auto client = wire::makeProxyHandshake(proxy, HostPort{"relay.example.org", 443});
  Outcome out;
  out.said = client->takeOutput();
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const auto part = bytes.subspan(at, std::min(step, bytes.size() - at));
    const std::size_t taken = client->handle(part);
    out.taken += taken;
    out.said += client->takeOutput();
    expect(taken == part.size() || client->state() != ProxyHandshake::State::going, "bytes that nobody wants");
    if (taken < part.size()) break;
  }
  out.state = client->state();
  out.failure = client->failure();
  expect(out.failure.size() < 2 * ProxyHandshake::kMaxWords, "a long failure");
  for (const char c : out.failure) expect(c >= ' ' && c <= '~', "a failure that cannot be printed");
  expect(out.failure.empty() == (out.state != ProxyHandshake::State::failed), "a failure without words");
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  const std::size_t choice = input.byte();
  const char* const proxies[] = {"http://p", "http://u:p@p", "socks5://p", "socks5://u:p@p"};
  const auto proxy = parseProxyUrl(proxies[choice % 4]);
  const Outcome whole = run(proxy.value(), input.rest(), input.rest().size() + 1);
  expect(whole == run(proxy.value(), input.rest(), 1), "an outcome that changed");

  const std::string_view text = input.restAsText();
  if (const auto parsed = parseProxyUrl(text)) {
    const std::string written = parsed.value().str();
    const auto again = parseProxyUrl(written);
    expect(again.ok() && again.value().at == parsed.value().at && again.value().kind == parsed.value().kind, "a proxy that changed");
    const auto client = wire::makeProxyHandshake(parsed.value(), HostPort{"relay.example.org", 443});
    const std::string said = client->takeOutput();
    if (parsed.value().kind == ProxyKind::http) {
      expect(said.find("\r\n\r\n") == said.size() - 4, "a request that ends early");
      std::size_t lines = 0;
      for (const char c : said) lines += c == '\n';
      expect(lines == (parsed.value().user.empty() ? 3u : 4u), "a header too many");
    }
  }
  const ProxyEnvironment environment{"http://p", "", "", std::string{text}};
  for (const char* server : {"ws://192.0.2.1", "ws://[2001:db8::1]", "ws://relay.example.org"}) {
    (void)proxyOf(environment, parseServerUrl(server).value());
  }
  return 0;
}
