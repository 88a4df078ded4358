#include "net/websocket_codec.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace chuantou::net;
using Kind = WebSocketCodec::Event::Kind;

namespace {

std::vector<WebSocketCodec::Event> feed(WebSocketCodec& codec, std::string bytes, std::size_t step = 0) {
  auto* data = reinterpret_cast<std::uint8_t*>(bytes.data());
  if (step == 0) step = bytes.size();
  for (std::size_t i = 0; i < bytes.size(); i += step) codec.feed({data + i, std::min(step, bytes.size() - i)});
  std::vector<WebSocketCodec::Event> events;
  WebSocketCodec::Event event;
  while (codec.next(event)) events.push_back(event);
  return events;
}

std::string take(WebSocketCodec& codec) { return std::exchange(codec.output(), {}); }

/// A client and a server after their handshake.
struct Pair {
  WebSocketCodec client = WebSocketCodec::client("127.0.0.1:8200", "/", 1000);
  WebSocketCodec server = WebSocketCodec::server(1000);
  explicit Pair(std::size_t step = 0) {
    const auto opened = feed(server, take(client), step);
    REQUIRE(opened.size() == 1);
    REQUIRE(opened[0].kind == Kind::open);
    REQUIRE(feed(client, take(server), step).at(0).kind == Kind::open);
  }
};

/// A frame of a client, masked with zeros (RFC 6455, section 5.2).
std::string frame(int firstByte, const std::string& payload) {
  std::string out;
  out += static_cast<char>(firstByte);
  out += static_cast<char>(0x80 | payload.size());
  return out + std::string(4, '\0') + payload;
}

}  // namespace

TEST_CASE("two codecs shake hands and talk, in pieces of any size", "[net][websocket]") {
  for (const std::size_t step : {std::size_t{0}, std::size_t{1}, std::size_t{7}}) {
    Pair pair{step};
    pair.client.sendText("to the server");
    const auto atServer = feed(pair.server, take(pair.client), step);
    REQUIRE(atServer.size() == 1);
    CHECK(atServer[0].kind == Kind::text);
    CHECK(atServer[0].data == "to the server");
    pair.server.sendText("and back");
    CHECK(feed(pair.client, take(pair.server), step).at(0).data == "and back");
  }
}

TEST_CASE("the example of RFC 6455, section 1.3", "[net][websocket]") {
  auto server = WebSocketCodec::server(1000);
  const auto events = feed(server,
                           "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n"
                           "Sec-WebSocket-Version: 13\r\n\r\n");
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == Kind::open);
  CHECK(take(server).find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
}

TEST_CASE("a request that is no upgrade is handed over whole", "[net][websocket][http]") {
  for (const std::size_t step : {std::size_t{0}, std::size_t{1}}) {
    auto server = WebSocketCodec::server(1000);
    const auto events = feed(server, "POST /api/a%20b?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nX-One: 1\r\n\r\nbody", step);
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == Kind::request);
    CHECK(events[0].request.method == "POST");
    CHECK(events[0].request.path == "/api/a b");
    CHECK(events[0].request.query == "x=1");
    CHECK(events[0].request.header("x-one") == "1");
    CHECK(events[0].request.body == "body");
    server.respond({201, "text/plain", "made"});
    const std::string answer = take(server);
    CHECK(answer.compare(0, 20, "HTTP/1.1 201 Created") == 0);
    CHECK(answer.substr(answer.size() - 8) == "\r\n\r\nmade");
    CHECK(server.finished());
  }
}

TEST_CASE("HEAD is answered without the body, whose length is told", "[net][websocket][http]") {
  auto server = WebSocketCodec::server(1000);
  const auto events = feed(server, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  REQUIRE(events.size() == 1);
  CHECK(events[0].request.method == "HEAD");
  HttpResponse response{200, "text/html", "a page"};
  response.headers = {{"X-One", "1"}, {"X-Two", "2"}};
  server.respond(response);
  const std::string answer = take(server);
  CHECK(answer.find("\r\nContent-Length: 6\r\n") != std::string::npos);
  CHECK(answer.find("\r\nX-One: 1\r\nX-Two: 2\r\n") != std::string::npos);
  CHECK(answer.find("\r\n\r\n") == answer.size() - 4);
}

TEST_CASE("what is no HTTP, too long or of another version is refused", "[net][websocket][http]") {
  struct Row {
    const char* what;
    std::string bytes;
    const char* answer;
  };
  const std::string upgrade = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  const Row rows[] = {
      {"no request line", "GET\r\n\r\n", "400"},
      {"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
      {"a broken escape", "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
      {"version 8", upgrade + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n", "400"},
      {"no key", upgrade + "Sec-WebSocket-Version: 13\r\n\r\n", "400"},
      {"an endless head", "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'a'), "431"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    auto server = WebSocketCodec::server(1000);
    const auto events = feed(server, row.bytes, 64);
    REQUIRE_FALSE(events.empty());
    CHECK(events.back().kind == Kind::closed);
    CHECK(take(server).find(row.answer) == 9);
    CHECK(server.finished());
  }
}

TEST_CASE("frames that RFC 6455 forbids end the connection with its code", "[net][websocket]") {
  struct Row {
    const char* what;
    std::string bytes;
    int code;
  };
  const Row rows[] = {
      {"not masked", std::string{"\x81\x01x", 3}, 1002},
      {"a reserved bit", frame(0xc1, "x"), 1002},
      {"an unknown opcode", frame(0x83, "x"), 1002},
      {"a fragmented ping", frame(0x09, "x"), 1002},
      {"not UTF-8", frame(0x81, "\xff"), 1007},
      {"a fragmented text that ends inside a character", frame(0x01, "a") + frame(0x80, "\xc3"), 1007},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    Pair pair;
    const auto events = feed(pair.server, row.bytes);
    REQUIRE_FALSE(events.empty());
    CHECK(events.back().kind == Kind::closed);
    CHECK(events.back().code == row.code);
    CHECK(pair.server.finished());
  }
}

TEST_CASE("a message over the limit ends the connection", "[net][websocket]") {
  Pair pair;
  pair.client.sendText(std::string(1001, 'x'));
  const auto events = feed(pair.server, take(pair.client));
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == Kind::closed);
  CHECK(events[0].code == 1009);
}

TEST_CASE("a ping is answered, a close is answered and ends", "[net][websocket]") {
  Pair pair;
  CHECK(feed(pair.server, frame(0x89, "p")).at(0).kind == Kind::control);
  CHECK(take(pair.server) == std::string{"\x8a\x01p", 3});
  pair.client.close(1000, "done");
  pair.client.sendText("too late");
  const auto events = feed(pair.server, take(pair.client));
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == Kind::closed);
  CHECK(events[0].code == 1000);
  CHECK(events[0].data == "done");
  CHECK(feed(pair.client, take(pair.server)).at(0).kind == Kind::closed);
}

TEST_CASE("a client says what answered instead of a server", "[net][websocket]") {
  auto client = WebSocketCodec::client("h:80", "/", 1000);
  const auto events = feed(client, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == Kind::closed);
  CHECK(events[0].data.find("404") != std::string::npos);
}
