// The admin API against requests that nobody should send.
#include <catch2/catch.hpp>

#include "daemon/admin_page.hpp"
#include "daemon/client_api.hpp"
#include "daemon/server_api.hpp"

using namespace chuantou;
using namespace chuantou::daemon;

namespace {

constexpr const char* kToken = "0123456789abcdef0123456789abcdef";
constexpr const char* kBearer = "Bearer 0123456789abcdef0123456789abcdef";

net::HttpRequest makeRequest(std::string method, std::string path, std::string body = {}) {
  net::HttpRequest request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.body = std::move(body);
  request.headers["host"] = "127.0.0.1:8201";
  request.headers["authorization"] = kBearer;
  return request;
}

struct ClientFixture {
  Client client{ClientConfig{}};
  NatDetector detector{[] {
    NatDetectorConfig config;
    config.stunServers = {"127.0.0.1:9"};
    config.portMapping = false;
    return config;
  }()};
  ClientApi api{client, detector, nullptr, ApiGuard{kToken, true}};

  net::HttpResponse call(const std::string& method, const std::string& path, const std::string& body = {}) {
    return api.handle(makeRequest(method, path, body));
  }
};

std::string errorCode(const net::HttpResponse& response) {
  const JsonDocument document{response.body, 100'000, Language::english};
  const auto error = document.root().object("error");
  if (!error) return "no error";
  CHECK_FALSE(error->textOr("message").empty());
  return error->textOr("code");
}

}  // namespace

TEST_CASE_METHOD(ClientFixture, "without the token nothing is said", "[daemon][api]") {
  for (const char* header :
       {"", "Bearer", "Bearer ", "Bearer 0123456789abcdef0123456789abcdeF", "Basic 0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef", "Bearer  0123456789abcdef0123456789abcdef"}) {
    CAPTURE(header);
    for (const char* path : {"/api/status", "/nothing"}) {
      auto request = makeRequest("GET", path);
      request.headers["authorization"] = header;
      const auto response = api.handle(request);
      CHECK(response.status == 401);
      CHECK(errorCode(response) == "unauthorized");
    }
  }
}

TEST_CASE_METHOD(ClientFixture, "a foreign Host or Origin is refused even with the token", "[daemon][api]") {
  for (const char* host :
       {"", "evil.example", "evil.example:8201", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.2",
        "[::2]", "127.0.0.1@evil.example", "localhost:80:80", "[::1", "::1", "localhost:", "[::1]x:1", "0.0.0.0"}) {
    CAPTURE(host);
    auto request = makeRequest("GET", "/api/status");
    request.headers["host"] = host;
    CHECK(api.handle(request).status == 403);
  }
  for (const char* host : {"localhost", "LocalHost:8201", "127.0.0.1", "[::1]:8201", "[::1]"}) {
    CAPTURE(host);
    auto request = makeRequest("GET", "/api/status");
    request.headers["host"] = host;
    CHECK(api.handle(request).status == 200);
  }
  for (const char* origin : {"http://evil.example", "null", "https://localhost.evil.example", "file://"}) {
    CAPTURE(origin);
    auto request = makeRequest("GET", "/api/status");
    request.headers["origin"] = origin;
    CHECK(api.handle(request).status == 403);
  }
  auto request = makeRequest("GET", "/api/status");
  request.headers["origin"] = "http://localhost:8201";
  CHECK(api.handle(request).status == 200);
}

TEST_CASE_METHOD(ClientFixture, "the page needs no token, but the right site and method", "[daemon][api]") {
  for (const char* path : {"/", "/page.css", "/page.js"}) {
    CAPTURE(path);
    auto request = makeRequest("GET", path);
    request.headers.erase("authorization");
    const auto response = api.handle(request);
    CHECK(response.status == 200);
    CHECK(response.body.size() > 1000);
    CHECK(response.headers == adminPageHeaders());
    request.headers["origin"] = "http://evil.example";
    CHECK(api.handle(request).status == 403);
    request.headers.erase("origin");
    request.headers["host"] = "evil.example";
    CHECK(api.handle(request).status == 403);
    CHECK(call("HEAD", path).status == 200);
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get", ""}) CHECK(call(method, path).status == 405);
  }
  CHECK(call("GET", "/api/status").headers == adminPageHeaders());
  CHECK(call("GET", "/nothing").headers == adminPageHeaders());
}

TEST_CASE_METHOD(ClientFixture, "paths and methods that are not there", "[daemon][api]") {
  CHECK(call("GET", "/api").status == 404);
  CHECK(call("GET", "/api/status/").status == 404);
  CHECK(call("GET", "/api/../api/status").status == 404);
  CHECK(call("POST", "/api/status").status == 405);
  CHECK(call("DELETE", "/api/streams").status == 405);
  CHECK(call("GET", "/api/streams/0123abcd").status == 404);
  CHECK(call("DELETE", "/api/proxies").status == 405);
  // Nothing changes by GET.
  CHECK(call("GET", "/api/proxies/8000").status == 405);
  CHECK(call("GET", "/api/ping").status == 405);
  CHECK(call("GET", "/api/peers/B").status == 405);
  CHECK(call("DELETE", "/api/peers").status == 405);
  CHECK(call("DELETE", "/api/peers/").status == 404);
  CHECK(call("HEAD", "/api/proxies").status == 405);
  CHECK(call("DELETE", "/api/proxies/8000").status == 404);
  CHECK(call("DELETE", "/api/proxies/").status == 404);
}

TEST_CASE_METHOD(ClientFixture, "hostile bodies get a sentence and 400", "[daemon][api]") {
  const std::string deep(200'000, '[');
  const std::string bodies[] = {
      "",
      "{",
      "}",
      "null",
      "[]",
      "1",
      "\"x\"",
      "{}",
      "{\"localPort\":}",
      deep,
      "{\"a\":" + deep,
      std::string(1, '\0'),
      "{\"localPort\":\"\xff\"}",
      std::string(net::kMaxHttpBody + 1, ' '),
      R"({"localPort":8000})",
      R"({"localPort":"8000","targetClientId":"B","targetPort":1})",
      R"({"localPort":-1,"targetClientId":"B","targetPort":1})",
      R"({"localPort":65536,"targetClientId":"B","targetPort":1})",
      R"({"localPort":1e3,"targetClientId":"B","targetPort":1})",
      R"({"localPort":99999999999999999999999,"targetClientId":"B","targetPort":1})",
      R"({"localPort":8000,"targetClientId":"B","targetPort":0})",
      R"({"localPort":8000,"targetClientId":"","targetPort":1})",
      R"({"localPort":8000,"targetClientId":"B C","targetPort":1})",
      R"({"localPort":8000,"targetClientId":["B"],"targetPort":1})",
      R"({"localPort":8000,"targetClientId":"B","targetPort":1,"protocol":"sctp"})",
      R"({"localPort":8000,"targetClientId":"B","targetPort":1,"protocol":6})",
      R"({"localPort":8000,"targetClientId":"B","targetPort":1,"encryption":"rot13"})",
      R"({"localPort":8000,"targetClientId":"B","targetPort":1,"encryption":false})",
      R"({"localPort":8000,"targetClientId":"B","targetPort":1,"name":"12"})",
      R"({"localPort":8000,"targetClientId":"B","targetPort":1,"name":"a\nb"})",
      R"({"localPort":8000,"targetClientId":"B","targetPort":1,"targetHost":"a b"})",
      R"({"localPort":8000,"targetClientId":"B","targetPort":1,"localHost":"\u0000"})",
      R"({"localPort":8000,"targetClientId":"B","targetPort":1,"udpIdleTimeoutMs":1})",
      R"({"localPort":8000,"targetClientId":"B","targetPort":1,"unknown":1})",
  };
  for (const std::string& body : bodies) {
    CAPTURE(body.substr(0, 100));
    const auto response = call("POST", "/api/proxies", body);
    CHECK(response.status == 400);
    CHECK_FALSE(errorCode(response).empty());
    CHECK(call("POST", "/api/ping", body).status == 400);
    CHECK(call("POST", "/api/peers", body).status == 400);
  }
  CHECK(client.proxies().empty());
}

TEST_CASE_METHOD(ClientFixture, "pings have limits", "[daemon][api]") {
  for (const char* body : {R"({"peer":"B C"})", R"({"peer":"B","protocol":"sctp"})", R"({"peer":"B","protocol":"both"})", R"({"peer":"B","protocol":7})",
                           R"({"peer":"B","count":2})", R"({"peer":"B","protocol":"tcp","intervalMs":100})",
                           R"({"peer":"B","protocol":"udp","count":0})", R"({"peer":"B","protocol":"udp","count":101})",
                           R"({"peer":"B","protocol":"udp","count":-1})", R"({"peer":"B","protocol":"udp","count":"4"})",
                           R"({"peer":"B","protocol":"udp","intervalMs":9})", R"({"peer":"B","protocol":"udp","intervalMs":10001})",
                           R"({"peer":"B","protocol":"udp","count":100,"intervalMs":102})", R"({"peer":"B","protocol":"udp","size":1400})"}) {
    CAPTURE(body);
    CHECK(call("POST", "/api/ping", body).status == 400);
  }
  // What fits gets as far as the server, which this client has not called.
  for (const char* body : {R"({"peer":"B"})", R"({"peer":"B","protocol":"udp"})", R"({"peer":"B","protocol":"udp","count":100,"intervalMs":101})"}) {
    CAPTURE(body);
    const auto response = call("POST", "/api/ping", body);
    CHECK(response.status == 503);
    CHECK(errorCode(response) == "not_running");
  }
  client.stop();
  CHECK(errorCode(call("POST", "/api/ping", R"({"peer":"B","protocol":"udp"})")) == "stopped");
}

TEST_CASE_METHOD(ClientFixture, "errors speak the caller's language", "[daemon][api]") {
  auto request = makeRequest("POST", "/api/ping", "{}");
  CHECK(api.handle(request).body == R"({"error":{"code":"bad_request","message":"the field \"peer\" is missing"}})");
  request.headers["accept-language"] = "zh-CN,zh;q=0.9,en;q=0.8";
  CHECK(api.handle(request).body == R"({"error":{"code":"bad_request","message":"缺少字段 \"peer\""}})");
}

TEST_CASE_METHOD(ClientFixture, "the state of a client that has not started", "[daemon][api]") {
  const auto response = call("GET", "/api/status");
  REQUIRE(response.status == 200);
  const JsonDocument document{response.body, 100'000, Language::english};
  CHECK(document.root().textOr("state") == "stopped");
  CHECK(document.root().textOr("program") == "ctc");
  CHECK(document.root().textOr("key") == client.publicKey());
  CHECK(document.root().objects("proxies").empty());
  CHECK(call("GET", "/api/proxies").body == R"({"proxies":[]})");
  CHECK(call("GET", "/api/streams").body == R"({"total":0,"stalled":0,"streams":[]})");
}

TEST_CASE_METHOD(ClientFixture, "peers are trusted, listed and forgotten", "[daemon][api]") {
  const std::string digits(64, 'a');
  CHECK(call("GET", "/api/peers").body == R"({"peers":[]})");
  const auto trusted = call("POST", "/api/peers", R"({"id":"B","key":")" + digits + R"("})");
  CHECK(trusted.status == 200);
  CHECK(trusted.body == R"({"id":"B","key":"ed25519:)" + digits + R"("})");
  const auto listed = call("GET", "/api/peers");
  const JsonDocument document{listed.body, 100'000, Language::english};
  const auto peers = document.root().objects("peers");
  REQUIRE(peers.size() == 1);
  CHECK(peers[0].textOr("id") == "B");
  CHECK(peers[0].textOr("key") == "ed25519:" + digits);
  CHECK(peers[0].numberOr("sinceMs") > 1'700'000'000'000);
  CHECK_FALSE(peers[0].has("registered"));  // nobody knows without a server

  const std::string good = "ed25519:" + digits;
  for (const std::string& body :
       {R"({"id":"B"})" + std::string{}, R"({"key":")" + good + R"("})", R"({"id":"a b","key":")" + good + R"("})",
        R"({"id":"B","key":")" + good + R"(0"})", R"({"id":"B","key":"rsa:)" + digits + R"("})",
        R"({"id":"B","key":5})" + std::string{}, R"({"id":"B","key":")" + good + R"(","more":1})"}) {
    CAPTURE(body);
    CHECK(call("POST", "/api/peers", body).status == 400);
  }
  CHECK(call("DELETE", "/api/peers/C").status == 404);
  CHECK(call("DELETE", "/api/peers/a b").status == 404);
  CHECK(call("DELETE", "/api/peers/B").status == 200);
  CHECK(call("DELETE", "/api/peers/B").status == 404);
  CHECK(client.knownPeers().empty());
}

TEST_CASE_METHOD(ClientFixture, "a proxy is encrypted unless it says otherwise", "[daemon][api]") {
  const auto encryptionOf = [&](const std::string& more) {
    const auto made =
        call("POST", "/api/proxies", R"({"localPort":0,"targetClientId":"B","targetPort":1)" + more + "}");
    CHECK(made.status == 201);
    const JsonDocument document{made.body, 100'000, Language::english};
    return document.root().textOr("encryption");
  };
  CHECK(encryptionOf("") == "end-to-end");
  CHECK(encryptionOf(R"(,"encryption":"end-to-end")") == "end-to-end");
  CHECK(encryptionOf(R"(,"encryption":"none")") == "none");
}

TEST_CASE("the server's API wants its token and checks its input", "[daemon][api]") {
  Server server{ServerConfig{}};
  ServerApi api{server, ApiGuard{kToken, false}};
  auto request = makeRequest("GET", "/api/status");
  request.headers["host"] = "relay.example:8200";  // a public port, any name
  CHECK(api.handle(request).status == 200);
  request.headers.erase("authorization");
  CHECK(api.handle(request).status == 401);

  CHECK(api.handle(makeRequest("GET", "/api/clients")).body == R"({"clients":[]})");
  CHECK(api.handle(makeRequest("GET", "/api/sessions")).body == R"({"sessions":[]})");
  for (const char* query : {"limit=", "limit=x", "limit=-1", "limit=99999999999999999999", "limit=5", "&&&"}) {
    auto limited = makeRequest("GET", "/api/sessions");
    limited.query = query;
    CHECK(api.handle(limited).status == 200);
  }
  CHECK(api.handle(makeRequest("GET", "/api/kick")).status == 405);
  CHECK(api.handle(makeRequest("GET", "/nothing")).status == 404);
  for (const char* body :
       {"", "{}", "[]", R"({"id":5})", R"({"id":""})", R"({"id":"a b"})", R"({"id":"A","more":1})"}) {
    CAPTURE(body);
    CHECK(api.handle(makeRequest("POST", "/api/kick", body)).status == 400);
  }
  CHECK(api.handle(makeRequest("POST", "/api/kick", R"({"id":"A"})")).status == 404);
}

namespace {

/// A server that runs, on a port of the system's choice.
struct RunningServer {
  Server server{config()};
  ServerApi api{server, ApiGuard{kToken, false}, [](std::string_view secret) { return "join " + std::string{secret}; }};

  RunningServer() { server.start(); }
  static ServerConfig config() {
    ServerConfig config;
    config.host = "127.0.0.1";
    config.port = 0;
    config.makeToken = true;
    return config;
  }
  net::HttpResponse call(const std::string& method, const std::string& path, const std::string& body = {}) {
    return api.handle(makeRequest(method, path, body));
  }
  std::string join(const net::HttpResponse& response) {
    REQUIRE(response.status == 200);
    return JsonDocument{response.body, 100'000, Language::english}.root().textOr("join");
  }
};

}  // namespace

TEST_CASE_METHOD(RunningServer, "tokens by the server's API", "[daemon][api][token]") {
  const std::string first = join(call("GET", "/api/token"));
  CHECK(first == "join " + server.madeToken());
  CHECK(first.size() == 5 + 32);
  const std::string guest = join(call("POST", "/api/tokens", R"({"name":"guest","expiresInMs":60000,"uses":1})"));
  CHECK(guest.size() == 5 + 32);
  CHECK(guest != first);
  const std::string list = call("GET", "/api/tokens").body;
  CHECK(list.find("guest") != std::string::npos);
  CHECK(list.find(guest.substr(5)) == std::string::npos);
  CHECK(list.find(first.substr(5)) == std::string::npos);
  CHECK(call("POST", "/api/tokens", R"({"name":"guest"})").status == 409);
  CHECK(call("POST", "/api/tokens/revoke", R"({"name":"guest"})").status == 200);
  CHECK(call("POST", "/api/tokens/revoke", R"({"name":"guest"})").status == 404);
  const std::string second = join(call("POST", "/api/tokens/rotate", "{}"));
  CHECK(second != first);
  CHECK(join(call("GET", "/api/token")) == second);
  CHECK(call("POST", "/api/tokens/revoke", R"({"name":"main"})").status == 200);
  CHECK(call("GET", "/api/token").status == 404);
  CHECK(server.madeToken().empty());
  CHECK(call("POST", "/api/release", R"({"id":"A"})").status == 404);
  server.stop();
  CHECK_THROWS_AS(server.addToken(TokenOptions{"x"}), Error);
  CHECK(call("POST", "/api/tokens", R"({"name":"x"})").status == 503);
}

TEST_CASE_METHOD(RunningServer, "hostile bodies about tokens get a sentence and 400", "[daemon][api][token]") {
  for (const char* body :
       {"", "[]", "{}", R"({"name":5})", R"({"name":""})", R"({"name":"a b"})", R"({"name":"main"})",
        R"({"name":"x","more":1})", R"({"name":"x","uses":0})", R"({"name":"x","uses":1001})",
        R"({"name":"x","expiresInMs":0})", R"({"name":"x","expiresInMs":-1})", R"({"name":"x","group":""})",
        R"({"name":"x","group":"a/b"})", R"({"name":"x","allowExpose":"yes"})"}) {
    CAPTURE(body);
    CHECK(call("POST", "/api/tokens", body).status == 400);
  }
  for (const char* body : {"", R"({"disconnect":"no"})", R"({"x":true})"})
    CHECK(call("POST", "/api/tokens/rotate", body).status == 400);
  for (const char* body : {"", "{}", R"({"name":1})"}) CHECK(call("POST", "/api/tokens/revoke", body).status == 400);
  for (const char* body : {"", "{}", R"({"id":"a b"})"}) CHECK(call("POST", "/api/release", body).status == 400);
  for (const char* path : {"/api/tokens/rotate", "/api/tokens/revoke", "/api/release"})
    CHECK(call("GET", path).status == 405);
  CHECK(call("DELETE", "/api/tokens").status == 405);
  CHECK(server.tokens().size() == 1);
}
