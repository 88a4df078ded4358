#include "engine/client/server_way.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

using namespace chuantou;
using namespace chuantou::engine;

namespace {

/// The process's proxies, set for a test and put back after it.
class Environment {
 public:
  explicit Environment(std::initializer_list<std::pair<const char*, const char*>> set = {}) {
    for (const char* name : kNames) {
      const char* value = std::getenv(name);
      before_.emplace_back(name, value ? std::optional<std::string>{value} : std::nullopt);
      ::unsetenv(name);
    }
    for (const auto& [name, value] : set) ::setenv(name, value, 1);
  }
  ~Environment() {
    for (const auto& [name, value] : before_) {
      if (value) {
        ::setenv(name, value->c_str(), 1);
      } else {
        ::unsetenv(name);
      }
    }
  }

 private:
  static constexpr const char* kNames[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                           "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
  std::vector<std::pair<const char*, std::optional<std::string>>> before_;
};

std::vector<std::string> ways(const char* url, const char* proxy = "", std::uint16_t fallback = 443) {
  ClientConfig config;
  config.proxy = proxy;
  config.fallbackPort = fallback;
  std::vector<std::string> out;
  for (const ServerWay& way : waysTo(parseServerUrl(url).value(), config)) out.push_back(way.str() + (way.guessed ? " ?" : ""));
  return out;
}

using Ways = std::vector<std::string>;

}  // namespace

TEST_CASE("a server is tried on its port, and on 443 with TLS", "[engine][server_way]") {
  const Environment none;
  CHECK(ways("ws://example.org") == Ways{"ws://example.org:8200", "wss://example.org:443 ?"});
  CHECK(ways("wss://example.org:9000/a") == Ways{"wss://example.org:9000/a", "wss://example.org:443/a ?"});
  CHECK(ways("wss://example.org:443") == Ways{"wss://example.org:443"});
  CHECK(ways("ws://example.org:443") == Ways{"ws://example.org:443"});
  CHECK(ways("ws://example.org", "", 0) == Ways{"ws://example.org:8200"});
  CHECK(ways("ws://example.org", "", 8443) == Ways{"ws://example.org:8200", "wss://example.org:8443 ?"});
  // This machine has no firewall against itself, and somebody else may have its port 443.
  CHECK(ways("ws://localhost") == Ways{"ws://localhost:8200"});
  CHECK(ways("ws://127.0.0.1") == Ways{"ws://127.0.0.1:8200"});
  CHECK(ways("ws://[::1]") == Ways{"ws://[::1]:8200"});
}

TEST_CASE("a proxy that is given is the only way out", "[engine][server_way]") {
  const Environment other{{"https_proxy", "http://other"}, {"no_proxy", "*"}};
  CHECK(ways("wss://example.org", "socks5://me:secret@p") ==
        Ways{"wss://example.org:8200 through socks5://p:1080", "wss://example.org:443 through socks5://p:1080 ?"});
  CHECK(ways("ws://localhost", "http://p:3128") == Ways{"ws://localhost:8200 through http://p:3128"});
  CHECK_THROWS_AS(ways("ws://example.org", "gopher://p"), Error);
}

TEST_CASE("the environment's proxy comes first, and does not stand in the way", "[engine][server_way]") {
  const Environment set{{"HTTPS_PROXY", "http://p:3128"}, {"HTTP_PROXY", "http://never"}, {"no_proxy", "example.net"}};
  CHECK(ways("wss://example.org") == Ways{"wss://example.org:8200 through http://p:3128", "wss://example.org:8200",
                                          "wss://example.org:443 through http://p:3128 ?", "wss://example.org:443 ?"});
  CHECK(ways("wss://example.org", "none") == Ways{"wss://example.org:8200", "wss://example.org:443 ?"});
  CHECK(ways("wss://www.example.net") == Ways{"wss://www.example.net:8200", "wss://www.example.net:443 ?"});
  CHECK(ways("ws://example.org") == Ways{"ws://example.org:8200", "wss://example.org:443 ?"});
}
