#include "engine/server/stun_sockets.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "net/ip_convert.hpp"
#include "net/listener.hpp"

using namespace chuantou;
using namespace chuantou::engine;

namespace {

UdpAddress addressOf(const net::UdpSocket& socket) {
  net::ErrorCode ec;
  return net::fromAsio(socket.local_endpoint(ec));
}

net::Listening listenOn(asio::io_context& context, std::vector<std::string> hosts) {
  net::ListenOptions options;
  options.hosts = std::move(hosts);
  options.tcp = false;
  auto listening = net::listenOn(context, options);
  REQUIRE(listening);
  return std::move(*listening);
}

StunAltAddress wanted(const char* ip, std::optional<std::uint16_t> port = {}) { return {*IpAddress::parse(ip), port}; }

}  // namespace

TEST_CASE("how a second address for STUN is written", "[engine][stun]") {
  struct Row {
    const char* text;
    const char* ip;  ///< null: not at all
    std::optional<std::uint16_t> port;
  };
  const Row rows[] = {
      {"192.0.2.2", "192.0.2.2", {}},     {"192.0.2.2:8201", "192.0.2.2", 8201},
      {"2001:db8::2", "2001:db8::2", {}}, {"[2001:db8::2]:8201", "2001:db8::2", 8201},
      {"127.0.0.2", "127.0.0.2", {}},     {"", nullptr, {}},
      {"example.org", nullptr, {}},       {"192.0.2.2:0", nullptr, {}},
      {"192.0.2.2:65536", nullptr, {}},   {"192.0.2.2:", nullptr, {}},
      {"0.0.0.0", nullptr, {}},           {"::", nullptr, {}},
      {"224.0.0.1", nullptr, {}},         {"fe80::1", nullptr, {}},
      {"::ffff:192.0.2.2", nullptr, {}},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto read = parseStunAltAddress(row.text);
    REQUIRE(read.ok() == (row.ip != nullptr));
    if (!read) {
      CHECK(read.error().errc() == Errc::invalid_argument);
      continue;
    }
    CHECK(read.value().ip.str() == row.ip);
    CHECK(read.value().port == row.port);
  }
}

TEST_CASE("the sockets of a second address", "[engine][stun]") {
  asio::io_context context{1};
  const auto own = listenOn(context, {"127.0.0.1", "::1"});
  auto opened = openStunSockets(context, wanted("127.0.0.2"), own.udp, true);
  REQUIRE(opened);
  const auto& [primary, other] = opened->addresses;
  CHECK(primary == addressOf(own.udp.front()));
  CHECK(other.ip.str() == "127.0.0.2");
  CHECK(other.port != primary.port);
  std::vector<UdpAddress> bound;
  for (const auto& socket : opened->sockets) bound.push_back(addressOf(socket));
  std::sort(bound.begin(), bound.end());
  std::vector<UdpAddress> expected{{primary.ip, other.port}, {other.ip, primary.port}, other};
  std::sort(expected.begin(), expected.end());
  CHECK(bound == expected);

  // They are taken now.
  const auto again = openStunSockets(context, wanted("127.0.0.2", other.port), own.udp, false);
  REQUIRE_FALSE(again);
  CHECK(again.error().errc() == Errc::port_in_use);
}

TEST_CASE("the sockets of a second address, beside one on all addresses", "[engine][stun]") {
  asio::io_context context{1};
  const auto own = listenOn(context, {"0.0.0.0"});
  auto opened = openStunSockets(context, wanted("127.0.0.2"), own.udp, true);
  REQUIRE(opened);
  CHECK(opened->addresses.primary == UdpAddress{*IpAddress::parse("127.0.0.1"), own.port});
  REQUIRE(opened->sockets.size() == 1);
  CHECK(addressOf(opened->sockets.front()) == UdpAddress{*IpAddress::parse("0.0.0.0"), opened->addresses.other.port});
}

TEST_CASE("second addresses that do not go with the first", "[engine][stun]") {
  asio::io_context context{1};
  const auto own = listenOn(context, {"127.0.0.1"});
  struct Row {
    StunAltAddress wanted;
    Errc error;
  };
  const Row rows[] = {{wanted("127.0.0.1"), Errc::invalid_argument},
                      {wanted("::1"), Errc::invalid_argument},
                      {wanted("127.0.0.2", own.port), Errc::invalid_argument},
                      {wanted("198.51.100.99"), Errc::address_unavailable}};
  for (const Row& row : rows) {
    INFO(row.wanted.ip.str());
    const auto opened = openStunSockets(context, row.wanted, own.udp, true);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().errc() == row.error);
  }
}
