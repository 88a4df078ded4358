#include "base/proxy_url.hpp"

#include <catch2/catch.hpp>

#include "base/base64.hpp"

using namespace chuantou;

TEST_CASE("base64 has the values of its RFC", "[base][base64]") {
  const std::pair<const char*, const char*> rows[] = {{"", ""},           {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : rows) CHECK(toBase64(bytes) == text);
  CHECK(toBase64("\xff\xfe\xfd") == "//79");
  CHECK(toBase64("Aladdin:open sesame") == "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");  // RFC 7617, section 2
}

TEST_CASE("proxies as people write them", "[base][proxy_url]") {
  struct Row {
    const char* text;
    const char* written;  ///< null: it is none
    const char* user = "";
    const char* password = "";
  };
  const Row rows[] = {
      {"http://proxy:3128", "http://proxy:3128"},
      {"http://proxy", "http://proxy:80"},
      {"http://proxy:3128/", "http://proxy:3128"},
      {"proxy:3128", "http://proxy:3128"},
      {"HTTP://10.0.0.1:8080", "http://10.0.0.1:8080"},
      {"socks5://proxy", "socks5://proxy:1080"},
      {"socks5h://[::1]:9", "socks5://[::1]:9"},
      {"http://me:secret@proxy:3128", "http://proxy:3128", "me", "secret"},
      {"http://me@proxy:3128", "http://proxy:3128", "me", ""},
      {"http://me:a:b@proxy:3128", "http://proxy:3128", "me", "a:b"},
      {"http://me:p%40ss%2Fw%3ard@proxy:3128", "http://proxy:3128", "me", "p@ss/w:rd"},
      {"http://me:p@ss@proxy:3128", "http://proxy:3128", "me", "p@ss"},
      {"socks5://a%3Ab:c@proxy", "socks5://proxy:1080", "a:b", "c"},
      {"", nullptr},
      {"https://proxy:3128", nullptr},
      {"socks4://proxy:1080", nullptr},
      {"ftp://proxy", nullptr},
      {"http://", nullptr},
      {"http://proxy:0", nullptr},
      {"http://proxy:3128/path", nullptr},
      {"http://pro xy:3128", nullptr},
      {"http://:secret@proxy:3128", nullptr},
      {"http://me:%zz@proxy:3128", nullptr},
      {"http://me:%4@proxy:3128", nullptr},
      {"http://me:%0d%0aX-Other:@proxy:3128", nullptr},
      {"http://a%3Ab:c@proxy", nullptr},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto proxy = parseProxyUrl(row.text);
    REQUIRE(proxy.ok() == (row.written != nullptr));
    if (!proxy.ok()) {
      CHECK(proxy.error().errc() == Errc::invalid_argument);
      continue;
    }
    CHECK(proxy.value().str() == row.written);
    CHECK(proxy.value().user == row.user);
    CHECK(proxy.value().password.reveal() == row.password);
  }
  CHECK_FALSE(parseProxyUrl("http://me:" + std::string(256, 'x') + "@proxy").ok());
}

TEST_CASE("what cannot be understood is not repeated: it may have a password", "[base][proxy_url]") {
  for (const char* text : {"http://me:hunter2@", "hunter2://x", "http://me:hunter2@proxy:99999", "https://me:hunter2@proxy"}) {
    const auto proxy = parseProxyUrl(text);
    REQUIRE_FALSE(proxy.ok());
    CHECK(std::string{proxy.error().what()}.find("hunter2") == std::string::npos);
  }
}

TEST_CASE("the environment's proxy for a server", "[base][proxy_url]") {
  const ProxyEnvironment all{"http://h", "http://s", "socks5://a", ""};
  struct Row {
    const char* what;
    ProxyEnvironment environment;
    const char* server;
    const char* proxy;  ///< null: none
  };
  const Row rows[] = {
      {"nothing is set", {}, "wss://example.org", nullptr},
      {"TLS has its own", all, "wss://example.org", "http://s:80"},
      {"so has no TLS", all, "ws://example.org", "http://h:80"},
      {"one for all", {"", "", "socks5://a", ""}, "ws://example.org", "socks5://a:1080"},
      {"one for all", {"", "", "socks5://a", ""}, "wss://example.org", "socks5://a:1080"},
      {"this machine by name", all, "ws://localhost:8200", nullptr},
      {"this machine", all, "ws://127.0.0.1:8200", nullptr},
      {"this machine", all, "ws://[::1]:8200", nullptr},
      {"none at all", {"http://h", "", "", "*"}, "ws://example.org", nullptr},
      {"a name", {"http://h", "", "", "a.b,example.org"}, "ws://example.org", nullptr},
      {"a name in capitals", {"http://h", "", "", "EXAMPLE.org"}, "ws://example.ORG", nullptr},
      {"its subdomains", {"http://h", "", "", "example.org"}, "ws://x.example.org", nullptr},
      {"not what ends alike", {"http://h", "", "", "example.org"}, "ws://anexample.org", "http://h:80"},
      {"subdomains only", {"http://h", "", "", ".example.org"}, "ws://x.example.org", nullptr},
      {"subdomains only", {"http://h", "", "", ".example.org"}, "ws://example.org", "http://h:80"},
      {"subdomains only", {"http://h", "", "", "*.example.org"}, "ws://x.example.org", nullptr},
      {"a port", {"http://h", "", "", "example.org:8200"}, "ws://example.org:8200", nullptr},
      {"another port", {"http://h", "", "", "example.org:8201"}, "ws://example.org:8200", "http://h:80"},
      {"an address", {"http://h", "", "", "192.0.2.1"}, "ws://192.0.2.1", nullptr},
      {"another address", {"http://h", "", "", "192.0.2.1"}, "ws://192.0.2.11", "http://h:80"},
      {"an address and a port", {"http://h", "", "", "192.0.2.1:8200"}, "ws://192.0.2.1", nullptr},
      {"a block", {"http://h", "", "", "localhost, 10.0.0.0/8"}, "ws://10.9.8.7", nullptr},
      {"a block, loosely written", {"http://h", "", "", "10.1.2.3/8"}, "ws://10.9.8.7", nullptr},
      {"not in the block", {"http://h", "", "", "10.0.0.0/8"}, "ws://11.0.0.1", "http://h:80"},
      {"a block of the other family", {"http://h", "", "", "::/0"}, "ws://11.0.0.1", "http://h:80"},
      {"a block of IPv6", {"http://h", "", "", "fd00::/7"}, "ws://[fc12::1]", nullptr},
      {"IPv6 alone", {"http://h", "", "", "fd00::1"}, "ws://[fd00::1]:8200", nullptr},
      {"nonsense between", {"http://h", "", "", ",,/,1.2.3.4/99,[,a:b:c, example.org"}, "ws://example.org", nullptr},
  };
  for (const Row& row : rows) {
    INFO(row.what << ": " << row.server << ", no_proxy " << row.environment.none);
    const auto proxy = proxyOf(row.environment, parseServerUrl(row.server).value());
    REQUIRE(proxy.ok());
    CHECK(proxy.value().has_value() == (row.proxy != nullptr));
    if (row.proxy && proxy.value()) CHECK(proxy.value()->str() == row.proxy);
  }
  CHECK_FALSE(proxyOf({"", "", "ftp://x", ""}, parseServerUrl("ws://example.org").value()).ok());
  CHECK(proxyOf({"", "", "ftp://x", "*"}, parseServerUrl("ws://example.org").value()).ok());
}
