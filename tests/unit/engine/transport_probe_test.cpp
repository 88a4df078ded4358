// probeTransports() against a real server in this process, and against nobody.
#include <asio/buffer.hpp>
#include <catch2/catch.hpp>
#include <thread>

#include "chuantou/chuantou.hpp"
#include "net/types.hpp"

using namespace chuantou;
using namespace std::chrono_literals;

namespace {

const TransportInfo* find(const std::vector<TransportInfo>& all, const std::string& kind, const std::string& where) {
  for (const TransportInfo& one : all) {
    if (one.kind == kind && one.where == where) return &one;
  }
  return nullptr;
}

ClientConfig configFor(std::uint16_t port, const char* scheme = "ws") {
  ClientConfig config;
  config.serverUrl = std::string{scheme} + "://127.0.0.1:" + std::to_string(port);
  config.proxy = "none";
  return config;
}

/// Answers one datagram as a STUN server would, after one that is no answer.
class StunServer {
 public:
  StunServer() : socket_(context_, {asio::ip::address_v4::loopback(), 0}), port(socket_.local_endpoint().port()) {
    thread_ = std::thread{[this] {
      std::array<std::uint8_t, 1500> bytes;
      net::UdpEndpoint from;
      net::ErrorCode ec;
      const std::size_t size = socket_.receive_from(asio::buffer(bytes), from, 0, ec);
      question.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      bytes[0] = 1;
      bytes[1] = 1;
      bytes[19] ^= 1;  // another transaction
      socket_.send_to(asio::buffer(bytes.data(), size), from, 0, ec);
      bytes[19] ^= 1;
      socket_.send_to(asio::buffer(bytes.data(), size), from, 0, ec);
    }};
  }
  ~StunServer() { thread_.join(); }
  std::vector<std::uint8_t> question;

 private:
  asio::io_context context_;
  net::UdpSocket socket_;
  std::thread thread_;

 public:
  std::uint16_t port;
};

}  // namespace

TEST_CASE("a server that answers: each step of each way, and how long it took", "[engine][transport_probe]") {
  ServerConfig serverConfig;
  serverConfig.host = "127.0.0.1";
  serverConfig.port = 0;
  serverConfig.extraPorts = {0, 0};
  serverConfig.logLevel = LogLevel::off;
  Server server{serverConfig};
  server.start();
  REQUIRE(server.extraPorts().size() == 2);
  std::vector<std::uint16_t> ports = server.extraPorts();
  ports.push_back(server.port());
  for (const std::uint16_t port : ports) {
    const std::string at = "127.0.0.1:" + std::to_string(port);
    const auto all = probeTransports(configFor(port), 1500ms);  // as nobody may answer by UDP
    for (const auto& [kind, where] : {std::pair<std::string, std::string>{"tcp", at}, {"tls", at}, {"websocket", "ws://" + at}, {"websocket", "wss://" + at}}) {
      INFO(kind << " " << where);
      const TransportInfo* step = find(all, kind, where);
      REQUIRE(step);
      CHECK(step->ok);
      CHECK(step->successes == (kind == "tcp" ? 2u : 1u));
      CHECK(step->failures == 0);
      CHECK(step->latency > 0us);
      CHECK(step->lastError.empty());
    }
    REQUIRE(find(all, "udp", at));
    CHECK(all.size() == 5);
  }
  CHECK(server.stats().clients == 0);
  CHECK(server.stats().registrationsTotal == 0);
}

TEST_CASE("a port that nobody has, and a server with another key", "[engine][transport_probe]") {
  ServerConfig serverConfig;
  serverConfig.host = "127.0.0.1";
  serverConfig.port = 0;
  serverConfig.logLevel = LogLevel::off;
  Server server{serverConfig};
  server.start();
  const std::uint16_t port = server.port();
  const std::string at = "127.0.0.1:" + std::to_string(port);
  ClientConfig config = configFor(port, "wss");
  config.serverFingerprint = "sha256:" + std::string(64, '0');
  auto all = probeTransports(config, 1500ms);
  REQUIRE(find(all, "tls", at));
  CHECK_FALSE(find(all, "tls", at)->ok);
  CHECK(find(all, "tls", at)->lastError.find("not sha256:0000") != std::string::npos);
  CHECK_FALSE(find(all, "websocket", "wss://" + at));
  server.stop();

  all = probeTransports(configFor(port), 1500ms);
  REQUIRE(find(all, "tcp", at));
  CHECK_FALSE(find(all, "tcp", at)->ok);
  CHECK(find(all, "tcp", at)->failures == 2);
  CHECK_FALSE(find(all, "tcp", at)->lastError.empty());
  REQUIRE(find(all, "udp", at));
  CHECK_FALSE(find(all, "udp", at)->ok);
  CHECK(all.size() == 2);
}

TEST_CASE("whoever never answers does not hold up the probe", "[engine][transport_probe]") {
  asio::io_context context;
  net::Acceptor silent{context, {asio::ip::address_v4::loopback(), 0}};
  const std::uint16_t port = silent.local_endpoint().port();
  const auto begin = std::chrono::steady_clock::now();
  const auto all = probeTransports(configFor(port), 500ms);
  CHECK(std::chrono::steady_clock::now() - begin < 3s);
  const std::string at = "127.0.0.1:" + std::to_string(port);
  CHECK(find(all, "tcp", at)->ok);
  REQUIRE(find(all, "websocket", "ws://" + at));
  CHECK(find(all, "websocket", "ws://" + at)->lastError == "no answer in time");
  CHECK(find(all, "tls", at)->lastError == "no answer in time");
}

TEST_CASE("UDP is good when a STUN request is answered", "[engine][transport_probe]") {
  StunServer stun;
  const auto all = probeTransports(configFor(stun.port), 5s);
  const TransportInfo* udp = find(all, "udp", "127.0.0.1:" + std::to_string(stun.port));
  REQUIRE(udp);
  CHECK(udp->ok);
  CHECK(udp->successes == 1);
  CHECK(udp->latency > 0us);
  REQUIRE(stun.question.size() == 20);
  CHECK(std::vector<std::uint8_t>(stun.question.begin(), stun.question.begin() + 8) ==
        std::vector<std::uint8_t>{0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42});
}

TEST_CASE("what cannot be understood is said at once", "[engine][transport_probe]") {
  ClientConfig config = configFor(1);
  config.proxy = "gopher://x";
  CHECK_THROWS_AS(probeTransports(config), Error);
  config = configFor(1);
  config.serverUrl = "http://x";
  CHECK_THROWS_AS(probeTransports(config), Error);
  config = configFor(1, "wss");
  config.serverFingerprint = "sha256:1";
  CHECK_THROWS_AS(probeTransports(config), Error);
}
