#include "wire/proxy_handshake.hpp"

#include <catch2/catch.hpp>

#include "support/bytes.hpp"
#include "wire/http_connect.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using State = ProxyHandshake::State;
using test::bytes;
using test::bytesOf;

namespace {

std::unique_ptr<ProxyHandshake> handshake(const char* proxy, const char* target = "relay.example.org:8200") {
  return makeProxyHandshake(parseProxyUrl(proxy).value(), *parseHostPort(target));
}

struct Exchange {
  std::vector<std::uint8_t> proxySays;
  std::vector<std::uint8_t> clientSays;  ///< after it
};

}  // namespace

TEST_CASE("CONNECT asks for the name, and shows a user only where there is one", "[wire][proxy]") {
  CHECK(handshake("http://p")->takeOutput() ==
        "CONNECT relay.example.org:8200 HTTP/1.1\r\nHost: relay.example.org:8200\r\n\r\n");
  CHECK(handshake("http://Aladdin:open%20sesame@p", "[2001:db8::1]:443")->takeOutput() ==
        "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
        "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
}

TEST_CASE("answers to CONNECT, all at once and one byte at a time", "[wire][proxy]") {
  struct Row {
    const char* proxy;
    std::string answer;
    std::string tunnel;   ///< what follows belongs to it
    const char* failure;  ///< null: open
  };
  const Row rows[] = {
      {"http://p", "HTTP/1.1 200 Connection established\r\n\r\n", "", nullptr},
      {"http://p", "HTTP/1.0 200 OK\r\nProxy-agent: tinyproxy/1.11\r\nContent-Length: 5\r\n\r\n", "hello", nullptr},
      {"http://p", "HTTP/1.1 200\r\n\r\n", "\r\n\r\n", nullptr},
      {"http://p", "HTTP/1.1 299 Odd\n\n", "x", nullptr},
      {"http://p", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "", nullptr},
      {"http://p", "HTTP/1.1 407 Proxy Authentication Required\r\nA: b\r\n\r\n", "body", "it wants a user and password (http://USER:PASSWORD@HOST:PORT)"},
      {"http://u:p@p", "HTTP/1.1 407 x\r\n\r\n", "", "it refuses the user and password"},
      {"http://p", "HTTP/1.1 403 Forbidden by\x1b[31m rule\r\n\r\n", "", "it answers 403 Forbidden by?[31m rule"},
      {"http://p", "HTTP/1.1 502 " + std::string(1000, 'x') + "\r\n\r\n", "", nullptr},
      {"http://p", "HTTP/2 200 OK\r\n", "", "it does not speak HTTP"},
      {"http://p", "SSH-2.0-OpenSSH_9.2\r\n", "", "it does not speak HTTP"},
      {"http://p", "\r\n", "", "it does not speak HTTP"},
      {"http://p", "HTTP/1.1 2000 OK\r\n", "", "it does not speak HTTP"},
      {"http://p", "HTTP/1.1 200 OK\r\n" + std::string(HttpConnect::kMaxHead - 16, 'a'), "aaa", "its answer does not end"},
  };
  for (const Row& row : rows) {
    INFO(row.answer.substr(0, 60));
    const auto whole = bytesOf(row.answer + row.tunnel);
    for (const std::size_t step : {whole.size(), std::size_t{1}}) {
      const auto client = handshake(row.proxy);
      client->takeOutput();
      std::size_t taken = 0;
      for (std::size_t at = 0; at < whole.size(); at += step) {
        CHECK((client->state() == State::going || taken <= at));
        taken += client->handle(std::span{whole}.subspan(at, std::min(step, whole.size() - at)));
      }
      CHECK(taken == row.answer.size());
      const bool long502 = row.answer.starts_with("HTTP/1.1 502");
      CHECK(client->state() == (row.failure || long502 ? State::failed : State::open));
      if (row.failure) CHECK(client->failure() == row.failure);
      if (long502) CHECK(client->failure().size() < ProxyHandshake::kMaxWords + 20);
      CHECK(client->takeOutput().empty());
    }
  }
}

TEST_CASE("SOCKS5, as RFC 1928 and RFC 1929 have it", "[wire][proxy]") {
  struct Row {
    const char* what;
    const char* proxy;
    const char* target;
    std::vector<Exchange> exchanges;  ///< the first: what the client begins with
    const char* failure;              ///< null: open
  };
  const auto request = bytes("05 01 00 03 11 72656c61792e6578616d706c652e6f7267 2008");
  const auto nothing = std::vector<std::uint8_t>{};
  const auto hello = bytes("05 01 00");
  const auto helloWithPassword = bytes("05 02 00 02");
  const auto password = bytes("01 02 6d65 06 736563726574");
  const Row rows[] = {
      {"a name", "socks5://p", "relay.example.org:8200",
       {{nothing, hello}, {bytes("05 00"), request}, {bytes("05 00 00 01 0a000001 1234"), nothing}}, nullptr},
      {"IPv4", "socks5://p", "192.0.2.7:443",
       {{nothing, hello}, {bytes("05 00"), bytes("05 01 00 01 c0000207 01bb")}, {bytes("05 00 00 01 00000000 0000"), nothing}}, nullptr},
      {"IPv6, and an answer with one", "socks5://p", "[2001:db8::1]:1",
       {{nothing, hello},
        {bytes("05 00"), bytes("05 01 00 04 20010db8000000000000000000000001 0001")},
        {bytes("05 00 00 04 20010db8000000000000000000000001 ffff"), nothing}}, nullptr},
      {"an answer with a name", "socks5://p", "relay.example.org:8200",
       {{nothing, hello}, {bytes("05 00"), request}, {bytes("05 00 00 03 03 616263 0001"), nothing}}, nullptr},
      {"an answer with an empty name", "socks5://p", "relay.example.org:8200",
       {{nothing, hello}, {bytes("05 00"), request}, {bytes("05 00 00 03 00 0001"), nothing}}, nullptr},
      {"a password", "socks5://me:secret@p", "relay.example.org:8200",
       {{nothing, helloWithPassword}, {bytes("05 02"), password}, {bytes("01 00"), request}, {bytes("05 00 00 01 00000000 0000"), nothing}}, nullptr},
      {"a password that nobody wants", "socks5://me:secret@p", "relay.example.org:8200",
       {{nothing, helloWithPassword}, {bytes("05 00"), request}, {bytes("05 00 00 01 00000000 0000"), nothing}}, nullptr},
      {"a wrong password", "socks5://me:secret@p", "relay.example.org:8200",
       {{nothing, helloWithPassword}, {bytes("05 02"), password}, {bytes("01 01"), nothing}}, "it refuses the user and password"},
      {"a password is wanted", "socks5://p", "relay.example.org:8200", {{nothing, hello}, {bytes("05 ff"), nothing}},
       "it wants a user and password (socks5://USER:PASSWORD@HOST:PORT)"},
      {"a method that was not offered", "socks5://p", "relay.example.org:8200", {{nothing, hello}, {bytes("05 02"), nothing}},
       "it chose a method that was not offered"},
      {"refused", "socks5://p", "relay.example.org:8200", {{nothing, hello}, {bytes("05 00"), request}, {bytes("05 05"), nothing}},
       "it answers: connection refused"},
      {"a reply that nobody knows", "socks5://p", "relay.example.org:8200", {{nothing, hello}, {bytes("05 00"), request}, {bytes("05 77"), nothing}},
       "it answers 119"},
      {"an address of no kind", "socks5://p", "relay.example.org:8200",
       {{nothing, hello}, {bytes("05 00"), request}, {bytes("05 00 00 02 00"), nothing}}, "it answers with an unknown kind of address"},
      {"SOCKS4", "socks5://p", "relay.example.org:8200", {{nothing, hello}, {bytes("04"), nothing}}, "it does not speak SOCKS5"},
      {"HTTP", "socks5://p", "relay.example.org:8200", {{nothing, hello}, {bytesOf("H"), nothing}}, "it does not speak SOCKS5"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    for (const bool slowly : {false, true}) {
      const auto client = handshake(row.proxy, row.target);
      for (const Exchange& exchange : row.exchanges) {
        std::string said;
        if (slowly) {
          for (const std::uint8_t byte : exchange.proxySays) {
            CHECK(client->handle({&byte, 1}) == 1);
            said += client->takeOutput();
          }
        } else {
          CHECK(client->handle(exchange.proxySays) == exchange.proxySays.size());
        }
        said += client->takeOutput();
        CHECK(bytesOf(said) == exchange.clientSays);
      }
      CHECK(client->state() == (row.failure ? State::failed : State::open));
      if (row.failure) CHECK(client->failure() == row.failure);
      CHECK(client->handle(bytes("00 01")) == 0);  // the tunnel's
    }
  }
}

TEST_CASE("what is too long for SOCKS is not asked", "[wire][proxy]") {
  ProxyUrl proxy;
  proxy.kind = ProxyKind::socks5;
  const auto client = makeProxyHandshake(proxy, HostPort{std::string(256, 'a'), 1});
  CHECK(client->state() == State::failed);
  CHECK(client->takeOutput().empty());
}
