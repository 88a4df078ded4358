#include "base/endpoint_text.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;

TEST_CASE("ports", "[base][endpoint]") {
  for (const auto& [text, port] : {std::pair{"1", 1}, {"80", 80}, {"8200", 8200}, {"65535", 65535}, {"00080", 80}}) {
    CHECK(parsePort(text) == port);
  }
  for (const char* bad :
       {"", "0", "65536", "99999", "100000", "000080", "-1", "+1", " 1", "1 ", "1a", "a", "0x50", "1.0", "1e3"}) {
    INFO(bad);
    CHECK_FALSE(parsePort(bad));
  }
  CHECK(parsePort("0", true) == 0);
  CHECK(parsePort("65535", true) == 65535);
  CHECK_FALSE(parsePort("", true));
}

TEST_CASE("host and port", "[base][endpoint]") {
  struct Row {
    std::string text;
    std::uint16_t defaultPort;
    const char* host;  ///< null: refused
    std::uint16_t port;
  };
  const Row rows[] = {
      {"localhost:80", 0, "localhost", 80},
      {"example.org:65535", 0, "example.org", 65535},
      {"10.0.0.1:1", 0, "10.0.0.1", 1},
      {"[::1]:8200", 0, "::1", 8200},
      {"[fe80::1%eth0]:22", 0, "fe80::1%eth0", 22},
      {"host", 8200, "host", 8200},
      {"[::1]", 8200, "::1", 8200},
      {"host:1", 8200, "host", 1},
      {"例子.测试:80", 0, "例子.测试", 80},
      {std::string(255, 'h') + ":80", 0, nullptr, 0},
      {"", 0, nullptr, 0},
      {"", 8200, nullptr, 0},
      {":80", 0, nullptr, 0},
      {":", 8200, nullptr, 0},
      {"host", 0, nullptr, 0},
      {"host:", 8200, nullptr, 0},
      {"host:0", 0, nullptr, 0},
      {"host:65536", 0, nullptr, 0},
      {"host:abc", 0, nullptr, 0},
      {"host:80 ", 0, nullptr, 0},
      {"::1", 8200, nullptr, 0},
      {"::1:8200", 0, nullptr, 0},
      {"a:b:80", 0, nullptr, 0},
      {"[", 8200, nullptr, 0},
      {"[]", 8200, nullptr, 0},
      {"[]:80", 0, nullptr, 0},
      {"[::1", 8200, nullptr, 0},
      {"[::1]80", 0, nullptr, 0},
      {"[::1]:", 8200, nullptr, 0},
      {"[::1]:80:80", 0, nullptr, 0},
      {"[[::1]]:80", 0, nullptr, 0},
      {"]:80", 0, nullptr, 0},
      {"a b:80", 0, nullptr, 0},
      {"a\tb:80", 0, nullptr, 0},
      {"a\nb:80", 0, nullptr, 0},
      {"a/b:80", 0, nullptr, 0},
      {"user@host:80", 0, nullptr, 0},
      {"host?:80", 0, nullptr, 0},
      {"host#:80", 0, nullptr, 0},
      {std::string{"a\0b:80", 6}, 0, nullptr, 0},
      {std::string(256, 'h') + ":80", 0, nullptr, 0},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto parsed = parseHostPort(row.text, row.defaultPort);
    if (row.text.size() == 258) {  // 255 characters of host are the most
      REQUIRE(parsed);
      continue;
    }
    REQUIRE(parsed.has_value() == (row.host != nullptr));
    if (!parsed) continue;
    CHECK(parsed->host == row.host);
    CHECK(parsed->port == row.port);
    CHECK(parseHostPort(formatHostPort(parsed->host, parsed->port)) == parsed);
  }
}

TEST_CASE("endpoints are written with brackets where they are needed", "[base][endpoint]") {
  CHECK(formatHostPort("localhost", 80) == "localhost:80");
  CHECK(formatHostPort("127.0.0.1", 65535) == "127.0.0.1:65535");
  CHECK(formatHostPort("::1", 8200) == "[::1]:8200");
}

TEST_CASE("server URLs", "[base][endpoint]") {
  struct Row {
    const char* text;
    const char* whole;  ///< as str() gives it; null: refused
    const char* host;
    std::uint16_t port;
    const char* path;
  };
  const Row rows[] = {
      {"ws://host:8200", "ws://host:8200", "host", 8200, "/"},
      {"ws://host", "ws://host:8200", "host", 8200, "/"},
      {"host", "ws://host:8200", "host", 8200, "/"},
      {"host:9000", "ws://host:9000", "host", 9000, "/"},
      {"ws://host/", "ws://host:8200", "host", 8200, "/"},
      {"ws://host:1/a/b?c=d", "ws://host:1/a/b?c=d", "host", 1, "/a/b?c=d"},
      {"[::1]", "ws://[::1]:8200", "::1", 8200, "/"},
      {"ws://[2001:db8::1]:443/x", "ws://[2001:db8::1]:443/x", "2001:db8::1", 443, "/x"},
      {"10.0.0.1", "ws://10.0.0.1:8200", "10.0.0.1", 8200, "/"},
      {"host/path", "ws://host:8200/path", "host", 8200, "/path"},
      {"", nullptr, "", 0, ""},
      {"ws://", nullptr, "", 0, ""},
      {"ws:///path", nullptr, "", 0, ""},
      {"ws://:8200", nullptr, "", 0, ""},
      {"ws://host:0", nullptr, "", 0, ""},
      {"ws://host:70000", nullptr, "", 0, ""},
      {"ws://host:", nullptr, "", 0, ""},
      {"ws://::1", nullptr, "", 0, ""},
      {"ws://[::1", nullptr, "", 0, ""},
      {"ws://user:pass@host", nullptr, "", 0, ""},
      {"ws://host name", nullptr, "", 0, ""},
      {"ws://host/a b", nullptr, "", 0, ""},
      {"ws://host/a\r\nX: y", nullptr, "", 0, ""},
      {"ws://host/ü", nullptr, "", 0, ""},
      {"ws://host?x", nullptr, "", 0, ""},
      {"wss://host", "wss://host:8200", "host", 8200, "/"},
      {"wss://[::1]:443/a", "wss://[::1]:443/a", "::1", 443, "/a"},
      {"wsss://host", nullptr, "", 0, ""},
      {"https://host", nullptr, "", 0, ""},
      {"http://host", nullptr, "", 0, ""},
      {"://host", nullptr, "", 0, ""},
      {"ws://ws://host", nullptr, "", 0, ""},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto url = parseServerUrl(row.text);
    REQUIRE(url.ok() == (row.whole != nullptr));
    if (!url) {
      CHECK(url.error().errc() == Errc::invalid_argument);
      CHECK(url.error().subject() == row.text);
      CHECK_FALSE(url.error().detail().empty());
      continue;
    }
    CHECK(url.value().at.host == row.host);
    CHECK(url.value().at.port == row.port);
    CHECK(url.value().path == row.path);
    CHECK(url.value().str() == row.whole);
    const auto again = parseServerUrl(url.value().str());
    REQUIRE(again.ok());
    CHECK(again.value().str() == row.whole);
  }
}
