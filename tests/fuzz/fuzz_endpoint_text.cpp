// Hosts, ports, URLs, ids and log lines as people and peers write them.
#include "base/endpoint_text.hpp"
#include "base/hex.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "fuzz_input.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = Input{data, size}.restAsText();
  for (const std::uint16_t defaultPort : {std::uint16_t{0}, kDefaultServerPort}) {
    if (const auto at = parseHostPort(text, defaultPort)) {
      expect(at->port != 0 && !at->host.empty(), "half an endpoint");
      expect(parseHostPort(formatHostPort(at->host, at->port)) == at, "an endpoint that changed");
    }
  }
  if (const auto url = parseServerUrl(text)) {
    const std::string written = url.value().str();
    const auto again = parseServerUrl(written);
    expect(again.ok() && again.value().at == url.value().at && again.value().path == url.value().path,
           "a URL that changed");
    expect(written.find_first_of(std::string_view{"\r\n \0", 4}) == std::string::npos, "a URL that breaks a request");
  }
  if (const auto id = ClientId::parse(text)) expect(id->str() == text, "an id that changed");
  if (const auto id = parseSessionId(text)) expect(parseSessionId(toString(*id)) == id, "a session id that changed");
  if (const auto key = DataKey::parse(text)) expect(DataKey::parse(key->hex()) == key, "a key that changed");

  expect(isUtf8(toUtf8(text)), "not UTF-8");
  if (isUtf8(text)) expect(toUtf8(text) == text && isUtf8(cutUtf8(text, size / 2)), "UTF-8 that changed");
  const Logger logger{[](LogLevel, std::string_view, std::string_view line) {
                        expect(isUtf8(line), "a line that is not UTF-8");
                        for (const char c : line)
                          expect(static_cast<unsigned char>(c) >= ' ' && c != 0x7f, "a control character");
                      },
                      LogLevel::trace, Language::english};
  logger.log(LogLevel::info, "fuzz", "{}", text);
  return 0;
}
