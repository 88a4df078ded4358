// Which way to a server wins: a real server in this process, ports that nobody has, and ports whose owner says nothing.
#include "engine/client/way_race.hpp"

#include <catch2/catch.hpp>

#include "chuantou/server.hpp"

using namespace chuantou;
using namespace chuantou::engine;

namespace {

struct Setting {
  Setting() {
    ServerConfig config;
    config.host = "127.0.0.1";
    config.port = 0;
    config.logLevel = LogLevel::off;
    server = std::make_unique<Server>(config);
    server->start();
    silent.emplace(thread.context(), net::TcpEndpoint{asio::ip::address_v4::loopback(), 0});
    free = net::Acceptor{thread.context(), {asio::ip::address_v4::loopback(), 0}}.local_endpoint().port();
  }

  ServerWay way(std::uint16_t port, bool tls = false, bool guessed = false) const {
    ServerWay out;
    out.url.tls = tls;
    out.url.at = {"127.0.0.1", port};
    out.guessed = guessed;
    return out;
  }

  /// Runs a race to its end, on this thread.
  WayRace::Result run(std::vector<ServerWay> ways, std::size_t first = 0, ClientConfig config = {}) {
    ServerTls tls{config, ways.front().url};
    std::optional<WayRace::Result> out;
    const auto race = std::make_shared<WayRace>(thread, ways, tls, log, [&](WayRace::Result result) { out = std::move(result); });
    const TimePoint begin = Clock::now();
    race->start(first, std::chrono::seconds{5});
    while (!out && Clock::now() < begin + std::chrono::seconds{10}) thread.context().run_one_for(std::chrono::seconds{1});
    REQUIRE(out);
    took = Clock::now() - begin;
    if (out->channel) {
      out->channel->disown();
      out->channel->abort("seen");
    }
    thread.context().restart();
    thread.context().poll();  // what was cancelled
    return std::move(*out);
  }

  std::uint16_t silentPort() const { return silent->local_endpoint().port(); }

  std::unique_ptr<Server> server;
  net::IoThread thread;  // never started: the test runs its context
  std::optional<net::Acceptor> silent;
  std::uint16_t free = 0;
  TransportLog log;
  Duration took{};
};

}  // namespace

TEST_CASE("the first way that answers wins, and a silent one costs its head start", "[engine][way_race]") {
  Setting s;
  const auto good = s.run({s.way(s.server->port()), s.way(s.silentPort())});
  CHECK(good.channel);
  CHECK(good.way == 0);
  CHECK(s.took < WayRace::kHeadStart);
  CHECK(s.log.all().size() == 2);  // tcp and websocket of the first; the second was never tried

  const auto late = s.run({s.way(s.silentPort()), s.way(s.server->port(), true, true)});
  CHECK(late.channel);
  CHECK(late.way == 1);
  CHECK(s.took >= WayRace::kHeadStart);
  CHECK(s.took < std::chrono::seconds{3});

  const auto remembered = s.run({s.way(s.silentPort()), s.way(s.server->port(), true, true)}, 1);
  CHECK(remembered.way == 1);
  CHECK(s.took < WayRace::kHeadStart);
}

TEST_CASE("a way that fails starts the next one at once", "[engine][way_race]") {
  Setting s;
  const auto result = s.run({s.way(s.free), s.way(s.free, true), s.way(s.server->port())});
  CHECK(result.way == 2);
  CHECK(s.took < WayRace::kHeadStart);
}

TEST_CASE("when all fail, the server's own way says why", "[engine][way_race]") {
  Setting s;
  const auto result = s.run({s.way(s.free), s.way(s.free, true, true)}, 1);
  CHECK_FALSE(result.channel);
  REQUIRE(result.error);
  CHECK(result.error->errc() == Errc::server_unreachable);
  CHECK(result.error->subject() == "ws://127.0.0.1:" + std::to_string(s.free));
}

TEST_CASE("an impostor where the URL leads ends it; one where it was only guessed does not", "[engine][way_race]") {
  Setting s;
  ClientConfig config;
  config.serverFingerprint = "sha256:" + std::string(64, '0');
  const auto own = s.run({s.way(s.server->port(), true), s.way(s.silentPort(), true, true)}, 0, config);
  REQUIRE(own.error);
  CHECK(own.error->errc() == Errc::certificate_rejected);
  CHECK(s.took < WayRace::kHeadStart);
  const auto guessed = s.run({s.way(s.free, true), s.way(s.server->port(), true, true)}, 0, config);
  REQUIRE(guessed.error);
  CHECK(guessed.error->errc() == Errc::server_unreachable);
}

TEST_CASE("a race that is cancelled says nothing, and leaves nothing behind", "[engine][way_race]") {
  Setting s;
  const ClientConfig config;
  const std::vector<ServerWay> ways{s.way(s.silentPort()), s.way(s.server->port()), s.way(s.server->port(), true)};
  for (const auto after : {0, 1, 2, 5, 10, 20, 701}) {
    ServerTls tls{config, ways.front().url};
    auto race = std::make_shared<WayRace>(s.thread, ways, tls, s.log, [](const WayRace::Result& result) { result.channel->abort("won"); });
    race->start(static_cast<std::size_t>(after) % 3, std::chrono::seconds{5});
    s.thread.context().restart();
    s.thread.context().run_for(Millis{after});
    race->cancel();
    race.reset();
    s.thread.context().restart();
    s.thread.context().poll();
  }
}
