// PortMapper beside a gateway that the test plays, on loopback. (miniupnpd and UPnP: tests/netlab.)
#include "net/port_mapper.hpp"

#include <asio/buffer.hpp>
#include <catch2/catch.hpp>

#include "base/bytes.hpp"
#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::net;
using nat::MapProtocol;

namespace {

/// Speaks PCP and NAT-PMP as it is told to.
class FakeGateway {
 public:
  explicit FakeGateway(asio::io_context& context) : socket_(context, UdpEndpoint{asio::ip::address_v4::loopback(), 0}) {
    receive();
  }
  ~FakeGateway() {
    ErrorCode ignored;
    socket_.close(ignored);
  }

  PortMapperOptions options() const {
    PortMapperOptions out;
    out.gateway = DefaultGateway{asio::ip::address_v4::loopback(), asio::ip::address_v4::loopback()};
    out.gatewayPort = socket_.local_endpoint().port();
    out.protocols = {MapProtocol::pcp, MapProtocol::natPmp};  // UPnP's ports cannot be chosen
    return out;
  }

  bool silent = false;
  bool pcp = true;
  bool natPmp = true;
  bool pcpRefuses = false;
  bool otherNonce = false;
  std::uint32_t epoch = 1000;
  std::uint8_t firstOctet = 198;  ///< of the address outside, x.51.100.y
  std::uint8_t lastOctet = 1;
  int requests = 0;
  int removals = 0;

 private:
  void receive() {
    socket_.async_receive_from(asio::buffer(room_), from_, [this](const ErrorCode& ec, std::size_t size) {
      if (ec) return;
      if (!silent) answer({room_.data(), size});
      receive();
    });
  }
  void send(const std::vector<std::uint8_t>& reply) {
    ErrorCode ignored;
    socket_.send_to(asio::buffer(reply), from_, 0, ignored);
  }

  void answer(std::span<const std::uint8_t> request) {
    if (request.size() >= 24 && request[0] == 2) return pcp ? answerPcp(request) : sayVersion();
    if (request.size() >= 2 && request[0] == 0 && natPmp) answerNatPmp(request);
  }
  void sayVersion() {
    std::vector<std::uint8_t> reply(8);
    reply[1] = 0x80;
    reply[3] = 1;
    if (natPmp) send(reply);
  }
  void answerPcp(std::span<const std::uint8_t> request) {
    std::vector<std::uint8_t> reply(request.begin(), request.end());
    reply[1] |= 0x80;
    reply[3] = 0;
    storeU32(&reply[8], epoch);
    std::fill(&reply[12], &reply[24], std::uint8_t{0});
    if (reply.size() >= 60) {
      const bool removal = loadU32(&request[4]) == 0;
      ++(removal ? removals : requests);
      if (pcpRefuses) {
        reply[3] = 2;
        storeU32(&reply[4], 60);
      }
      if (otherNonce) reply[24] ^= 1;
      storeAddress(&reply[56]);
    }
    send(reply);
  }
  void answerNatPmp(std::span<const std::uint8_t> request) {
    std::vector<std::uint8_t> reply(request[1] == 0 ? 12 : 16);
    reply[1] = static_cast<std::uint8_t>(request[1] | 0x80);
    storeU32(&reply[4], epoch);
    if (request[1] == 0) {
      storeAddress(&reply[8]);
    } else {
      std::copy(&request[4], &request[4] + 8, &reply[8]);
      ++(loadU32(&request[8]) == 0 ? removals : requests);
    }
    send(reply);
  }
  void storeAddress(std::uint8_t* out) const {
    const std::uint8_t bytes[] = {firstOctet, 51, 100, lastOctet};
    std::copy(std::begin(bytes), std::end(bytes), out);
  }

  UdpSocket socket_;
  UdpEndpoint from_;
  std::array<std::uint8_t, 2048> room_;
};

struct Bench {
  Bench() : gateway(context) {}

  PortMapper& make() {
    mapper = std::make_unique<PortMapper>(context, random, log, gateway.options());
    return *mapper;
  }
  template <class Condition>
  bool wait(Condition condition, Millis limit = Millis{5000}) {
    const TimePoint end = Clock::now() + limit;
    context.restart();
    while (!condition() && Clock::now() < end) context.run_one_for(Millis{50});
    return condition();
  }
  PortMapper::OnChange note() {
    return [this](const std::optional<PortMapping>& mapping) { changes.push_back(mapping); };
  }
  PortMapProbe probe(Duration patience = PortMapper::kProbeDeadline) {
    std::optional<PortMapProbe> found;
    make().probe([&](const PortMapProbe& probe) { found = probe; }, patience);
    CHECK_FALSE(found);
    REQUIRE(wait([&] { return found.has_value(); }));
    return *found;
  }
  /// Milliseconds until stop() was done.
  long stop() {
    bool done = false;
    const TimePoint begin = Clock::now();
    mapper->stop([&] { done = true; });
    REQUIRE(wait([&] { return done; }));
    return static_cast<long>(std::chrono::duration_cast<Millis>(Clock::now() - begin).count());
  }

  asio::io_context context{1};
  test::SeededRandom random{7};
  Logger log;
  FakeGateway gateway;
  std::unique_ptr<PortMapper> mapper;
  std::vector<std::optional<PortMapping>> changes;
};

std::optional<PortMapping> mapping(MapProtocol protocol, const char* address, std::uint16_t port) {
  return PortMapping{protocol, {*IpAddress::parse(address), port}};
}

}  // namespace

TEST_CASE("a probe tells what the gateway speaks", "[net][portmap]") {
  SECTION("both") {
    Bench b;
    const auto found = b.probe();
    CHECK(found.available());
    CHECK(found.protocols == std::vector{MapProtocol::pcp, MapProtocol::natPmp});
    CHECK(found.externalAddress == IpAddress::parse("198.51.100.1"));
    CHECK(found.gateway == IpAddress::parse("127.0.0.1"));
  }
  SECTION("NAT-PMP alone") {
    Bench b;
    b.gateway.pcp = false;
    CHECK(b.probe().protocols == std::vector{MapProtocol::natPmp});
  }
  SECTION("PCP alone: nobody tells the address") {
    Bench b;
    b.gateway.natPmp = false;
    const auto found = b.probe(Millis{400});
    CHECK(found.protocols == std::vector{MapProtocol::pcp});
    CHECK_FALSE(found.externalAddress);
  }
  SECTION("nothing") {
    Bench b;
    b.gateway.silent = true;
    const TimePoint begin = Clock::now();
    CHECK_FALSE(b.probe(Millis{300}).available());
    CHECK(Clock::now() - begin >= Millis{300});
  }
}

TEST_CASE("a mapping is told, kept through a restart of the gateway, and removed", "[net][portmap]") {
  Bench b;
  PortMapper& mapper = b.make();
  REQUIRE(mapper.add(7001, nat::Transport::udp, b.note()));
  CHECK_FALSE(mapper.add(7001, nat::Transport::udp, b.note()));  // it is mapped already
  CHECK(b.changes.empty());
  REQUIRE(b.wait([&] { return b.changes.size() == 1; }));
  CHECK(b.changes[0] == mapping(MapProtocol::pcp, "198.51.100.1", 7001));

  // It comes back with another clock and another address; what the next mapping is answered shows it.
  b.gateway.epoch = 3;
  b.gateway.lastOctet = 2;
  const auto second = mapper.add(7002, nat::Transport::tcp, b.note());
  REQUIRE(second);
  REQUIRE(b.wait([&] { return b.changes.size() == 3; }));
  CHECK(std::count(b.changes.begin(), b.changes.end(), mapping(MapProtocol::pcp, "198.51.100.2", 7001)) == 1);
  CHECK(std::count(b.changes.begin(), b.changes.end(), mapping(MapProtocol::pcp, "198.51.100.2", 7002)) == 1);

  mapper.remove(*second);
  REQUIRE(b.wait([&] { return b.gateway.removals == 1; }));
  const auto third = mapper.add(7003, nat::Transport::udp, b.note());
  REQUIRE(third);
  REQUIRE(b.wait([&] { return b.changes.size() == 4; }));
  mapper.remove(*third);
  REQUIRE(mapper.add(7003, nat::Transport::udp, b.note()));  // at once, in its place
  REQUIRE(b.wait([&] { return b.changes.size() == 5; }));
  CHECK(b.gateway.removals == 1);
  CHECK(b.stop() < 1000);
  CHECK(b.gateway.removals == 3);
  CHECK(b.changes.size() == 5);
  CHECK_FALSE(mapper.add(7004, nat::Transport::udp, b.note()));
}

TEST_CASE("what refuses or is not understood is replaced", "[net][portmap]") {
  Bench b;
  SECTION("PCP refuses") {
    b.gateway.pcpRefuses = true;
    b.make().add(7001, nat::Transport::udp, b.note());
    REQUIRE(b.wait([&] { return b.changes.size() == 1; }));
    CHECK(b.changes[0] == mapping(MapProtocol::natPmp, "198.51.100.1", 7001));
  }
  SECTION("all refuse") {
    b.gateway.pcpRefuses = true;
    b.gateway.natPmp = false;
    b.make().add(7001, nat::Transport::udp, b.note());
    REQUIRE(b.wait([&] { return b.changes.size() == 1; }));
    CHECK(b.changes[0] == std::nullopt);
  }
  SECTION("an answer with another nonce is somebody else's") {
    b.gateway.otherNonce = true;
    b.make().add(7001, nat::Transport::udp, b.note());
    REQUIRE(b.wait([&] { return b.gateway.requests >= 3; }));
    CHECK(b.changes.empty());
  }
  SECTION("an address where nothing comes in") {
    b.gateway.firstOctet = 127;
    b.make().add(7001, nat::Transport::udp, b.note());
    REQUIRE(b.wait([&] { return b.changes.size() == 1; }));
    CHECK(b.changes[0] == std::nullopt);
  }
  CHECK(b.stop() <= PortMapper::kStopDeadline.count() + 500);
}

TEST_CASE("nobody is waited for at the end", "[net][portmap]") {
  Bench b;
  PortMapper& mapper = b.make();
  mapper.add(7001, nat::Transport::udp, b.note());
  REQUIRE(b.wait([&] { return b.changes.size() == 1; }));
  b.gateway.silent = true;
  SECTION("stop is bounded") { CHECK(b.stop() <= PortMapper::kStopDeadline.count() + 500); }
  SECTION("a probe that goes on is let go") {
    mapper.probe([](const PortMapProbe&) { FAIL("told after the end"); });
    b.mapper.reset();
    b.wait([] { return false; }, Millis{300});
  }
  SECTION("a handler may end everything") {
    b.gateway.silent = false;
    mapper.add(7002, nat::Transport::udp, [&](const auto&) { b.mapper.reset(); });
    REQUIRE(b.wait([&] { return b.mapper == nullptr; }));
    b.wait([] { return false; }, Millis{100});
  }
}

TEST_CASE("mappings are limited", "[net][portmap]") {
  Bench b;
  b.gateway.silent = true;
  PortMapper& mapper = b.make();
  for (std::size_t i = 0; i < PortMapper::kMaxMappings; ++i) {
    REQUIRE(mapper.add(static_cast<std::uint16_t>(7000 + i), nat::Transport::udp, b.note()));
  }
  CHECK_FALSE(mapper.add(9000, nat::Transport::udp, b.note()));
  b.mapper.reset();
}
