#include "stun/responder.hpp"

#include <catch2/catch.hpp>

#include "base/bytes.hpp"
#include "support/bytes.hpp"
#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::stun;
using namespace chuantou::test;

namespace {

using namespace std::chrono_literals;

const TimePoint kStart{1h};

UdpAddress at(const char* ip, std::uint16_t port) { return {IpAddress::parse(ip).value(), port}; }

const UdpAddress kClient = at("203.0.113.7", 40'000);
const UdpAddress kClientV6 = at("2001:db8:7::1", 40'000);
const UdpAddress kA1P1 = at("192.0.2.1", 8200);
const UdpAddress kA1P2 = at("192.0.2.1", 8201);
const UdpAddress kA2P1 = at("192.0.2.2", 8200);
const UdpAddress kA2P2 = at("192.0.2.2", 8201);

struct Server {
  explicit Server(bool alternates = false, std::size_t maxPerMinute = 6'000, std::size_t places = 256)
      : responder(config(alternates, maxPerMinute, places), random) {}
  static ResponderConfig config(bool alternates, std::size_t maxPerMinute, std::size_t places) {
    ResponderConfig out;
    out.maxPerMinute = maxPerMinute;
    out.places = places;
    if (alternates) out.alternates = ResponderConfig::Alternates{kA1P1, kA2P2};
    return out;
  }
  std::optional<Answer> ask(const std::vector<std::uint8_t>& request, UdpAddress to = kA1P1, UdpAddress from = kClient,
                            TimePoint now = kStart) {
    return responder.handle(now, from, to, request);
  }
  SeededRandom random{7};
  Responder responder;
};

Message request() {
  Message m;
  m.id.bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  return m;
}

Message classicRequest() {
  Message m = request();
  m.cookie = 0x01020304;
  m.changeRequest = ChangeRequest{};
  return m;
}

Message read(const std::optional<Answer>& answer) {
  REQUIRE(answer);
  const auto message = decodeAny(answer->bytes);
  REQUIRE(message);
  return message.value();
}

}  // namespace

TEST_CASE("a server with one address says where a request came from, and nothing else", "[stun][responder]") {
  Server server;
  const auto answer = server.ask(encode(request()));
  REQUIRE(answer);
  CHECK(answer->from == kA1P1);
  CHECK(answer->to == kClient);
  CHECK(toHex(answer->bytes) ==
        toHex(bytes("01 01 00 0c | 21 12 a4 42 | 01 02 03 04 05 06 07 08 09 0a 0b 0c |"
                    "00 20 00 08 | 00 01 bd 52 ea 12 d5 45")));  // 40000 ^ 2112, 203.0.113.7 ^ 2112a442

  const auto v6 = server.ask(encode(request()), at("2001:db8::1", 8200), kClientV6);
  CHECK(read(v6).xorMappedAddress == kClientV6);
  CHECK(v6->bytes.size() == 44);
  CHECK(server.responder.stats().requests == 2);
  CHECK(server.responder.stats().answers == 2);
}

TEST_CASE("a server with a second address: RFC 5780, table 1", "[stun][responder]") {
  struct Row {
    UdpAddress to;
    std::optional<ChangeRequest> change;
    UdpAddress from;   ///< the answer's
    UdpAddress other;  ///< Ca:Cp
  };
  const Row rows[] = {
      {kA1P1, {}, kA1P1, kA2P2},
      {kA1P1, ChangeRequest{false, false}, kA1P1, kA2P2},
      {kA1P1, ChangeRequest{true, false}, kA2P1, kA2P2},
      {kA1P1, ChangeRequest{false, true}, kA1P2, kA2P2},
      {kA1P1, ChangeRequest{true, true}, kA2P2, kA2P2},
      {kA1P2, ChangeRequest{true, true}, kA2P1, kA2P1},
      {kA2P1, ChangeRequest{true, false}, kA1P1, kA1P2},
      {kA2P2, {}, kA2P2, kA1P1},
      {kA2P2, ChangeRequest{false, true}, kA2P1, kA1P1},
      {kA2P2, ChangeRequest{true, true}, kA1P1, kA1P1},
      // An address that is neither: the second one is its second one too.
      {at("192.0.2.9", 8200), ChangeRequest{true, true}, kA2P2, kA2P2},
      {at("192.0.2.9", 8200), ChangeRequest{false, true}, at("192.0.2.9", 8201), kA2P2},
  };
  for (const Row& row : rows) {
    INFO(row.to.str() << " " << (row.change ? row.change->ip * 2 + row.change->port : -1));
    Server server{true};
    Message asked = request();
    asked.changeRequest = row.change;
    const auto answer = server.ask(encode(asked), row.to);
    const Message message = read(answer);
    CHECK(message.kind == MessageClass::success);
    CHECK(answer->from == row.from);
    CHECK(answer->to == kClient);
    CHECK(message.responseOrigin == row.from);
    CHECK(message.otherAddress == row.other);
    CHECK(message.mappedAddress == kClient);
    CHECK(message.xorMappedAddress == kClient);
    CHECK_FALSE(message.padding);
    CHECK(answer->bytes.size() == 68);
  }
}

TEST_CASE("the other family has no second address", "[stun][responder]") {
  Server server{true};
  const UdpAddress here = at("2001:db8::1", 8200);
  CHECK(server.ask(encode(request()), here, kClientV6)->bytes.size() == 44);
  Message asked = request();
  asked.changeRequest = ChangeRequest{true, true};
  CHECK(read(server.ask(encode(asked), here, kClientV6)).errorCode->code == kUnknownAttribute);
}

TEST_CASE("what the server does not do is 420, with what it was", "[stun][responder]") {
  struct Row {
    const char* what;
    bool alternates;
    std::optional<ChangeRequest> change;
    std::optional<std::uint16_t> responsePort;
    std::vector<std::uint16_t> unknown;
    std::size_t size;
  };
  const Row rows[] = {
      {"CHANGE-REQUEST without a second address", false, ChangeRequest{true, true}, {}, {0x0003}, 36},
      {"also when nothing is to be changed", false, ChangeRequest{}, {}, {0x0003}, 36},
      {"with RESPONSE-PORT", false, ChangeRequest{}, std::uint16_t{53}, {0x0003}, 36},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    Server server{row.alternates};
    Message asked = request();
    asked.changeRequest = row.change;
    asked.responsePort = row.responsePort;
    const auto answer = server.ask(encode(asked));
    const Message message = read(answer);
    CHECK(message.kind == MessageClass::error);
    CHECK(message.errorCode == ErrorCode{kUnknownAttribute, {}});
    CHECK(message.unknownAttributes == row.unknown);
    CHECK_FALSE(message.otherAddress);
    CHECK(answer->from == kA1P1);
    CHECK(answer->to == kClient);
    CHECK(answer->bytes.size() == row.size);
  }
  // Attributes that nobody knows, and RFC 3489's RESPONSE-ADDRESS.
  Server server{true};
  auto datagram = encode(request());
  for (const auto byte : bytes("7f 00 00 00 | 00 02 00 08 | 00 01 0d 96 c0 00 02 05")) datagram.push_back(byte);
  datagram[3] = 16;
  CHECK(read(server.ask(datagram)).unknownAttributes == std::vector<std::uint16_t>{0x7f00, 0x0002});
}

TEST_CASE("an answer to another port of the same IP", "[stun][responder]") {
  for (const bool alternates : {false, true}) {
    Server server{alternates};
    Message asked = request();
    asked.responsePort = 40'001;
    auto answer = server.ask(encode(asked));
    Message message = read(answer);
    CHECK(answer->from == kA1P1);
    CHECK(answer->to == UdpAddress{kClient.ip, 40'001});
    CHECK(message.xorMappedAddress == kClient);
    CHECK(message.responseOrigin == kA1P1);
    CHECK(answer->bytes.size() == (alternates ? 68 : 56));
    CHECK(server.ask(encode(asked), at("2001:db8::1", 8200), kClientV6)->bytes.size() == 92);

    // What cannot be: no such port, and with padding (RFC 5780, section 6.1). The error goes to who asked.
    asked.responsePort = 0;
    answer = server.ask(encode(asked));
    CHECK(read(answer).errorCode == ErrorCode{kBadRequest, {}});
    asked.responsePort = 40'001;
    asked.padding = 100;
    answer = server.ask(encode(asked));
    CHECK(read(answer).errorCode == ErrorCode{kBadRequest, {}});
    CHECK(answer->to == kClient);
    CHECK(answer->bytes.size() == 28);

    asked = classicRequest();
    asked.responsePort = 40'001;
    CHECK(read(server.ask(encode(asked))).unknownAttributes == std::vector<std::uint16_t>{0x0027, 0x0027});
  }
}

TEST_CASE("padding comes back, as much as was sent", "[stun][responder]") {
  struct Row {
    std::uint16_t asked;
    std::uint16_t answered;
  };
  for (const Row& row : {Row{0, 0}, Row{1, 1}, Row{1'000, 1'000}, Row{1'500, 1'500}, Row{9'000, 1'500}}) {
    for (const bool alternates : {false, true}) {
      Server server{alternates};
      Message asked = request();
      asked.padding = row.asked;
      const auto datagram = encode(asked);
      const auto answer = server.ask(datagram);
      const Message message = read(answer);
      CHECK(message.padding == row.answered);
      CHECK(message.responseOrigin == kA1P1);
      CHECK(message.otherAddress.has_value() == alternates);
      CHECK(answer->bytes.size() <= datagram.size() + 48);
    }
  }
}

TEST_CASE("a fingerprint for a fingerprint", "[stun][responder]") {
  Server server;
  const auto answer = server.ask(encode(request(), {Integrity::none, {}, true}));
  CHECK(read(answer).hasFingerprint);
  CHECK(answer->bytes.size() == 40);
  Message asked = request();
  asked.changeRequest = ChangeRequest{};
  CHECK(read(server.ask(encode(asked, {Integrity::none, {}, true}))).hasFingerprint);
}

TEST_CASE("a request of ICE is answered: what it says of itself is for others", "[stun][responder]") {
  Server server;
  Message asked = request();
  asked.username = "a:b";
  asked.priority = 1;
  asked.useCandidate = true;
  asked.iceControlling = 5;
  const auto answer = server.ask(encode(asked, {Integrity::both, keyOf("secret"), true}));
  CHECK(read(answer).xorMappedAddress == kClient);
  CHECK_FALSE(read(answer).hasIntegrity);
}

TEST_CASE("RFC 3489's clients", "[stun][responder]") {
  Server plain;
  auto answer = plain.ask(encode(classicRequest()));
  Message message = read(answer);
  CHECK(message.cookie == 0x01020304);
  CHECK(message.id == request().id);
  CHECK(message.mappedAddress == kClient);
  CHECK(message.sourceAddress == kA1P1);
  CHECK_FALSE(message.xorMappedAddress);
  CHECK_FALSE(message.changedAddress);
  CHECK(answer->bytes.size() == 44);

  Server server{true};
  Message asked = classicRequest();
  asked.changeRequest = ChangeRequest{true, true};
  answer = server.ask(encode(asked));
  message = read(answer);
  CHECK(answer->from == kA2P2);
  CHECK(message.sourceAddress == kA2P2);
  CHECK(message.changedAddress == kA2P2);
  CHECK_FALSE(message.otherAddress);
  CHECK_FALSE(message.responseOrigin);
  CHECK(answer->bytes.size() == 56);

  // Without a second address, the change that is asked for is refused; the list's one entry comes twice.
  message = read(plain.ask(encode(asked)));
  CHECK(message.errorCode->code == kUnknownAttribute);
  CHECK(message.unknownAttributes == std::vector<std::uint16_t>{0x0003, 0x0003});

  CHECK_FALSE(plain.ask(encode(classicRequest()), at("2001:db8::1", 8200), kClientV6));  // there is no IPv6 in it
}

TEST_CASE("an address that nobody knows is not told", "[stun][responder]") {
  Server server{true};
  const UdpAddress unknown = at("0.0.0.0", 8200);
  const auto answer = server.ask(encode(request()), unknown);
  CHECK(answer->from == unknown);
  CHECK(answer->bytes.size() == 32);
  CHECK_FALSE(read(server.ask(encode(classicRequest()), unknown)).sourceAddress);
}

TEST_CASE("what gets no answer", "[stun][responder]") {
  struct Row {
    const char* what;
    std::vector<std::uint8_t> datagram;
    UdpAddress from = kClient;
  };
  const auto of = [](MessageClass kind, std::uint16_t method) {
    Message m = request();
    m.kind = kind;
    m.method = Method{method};
    return encode(m);
  };
  auto cut = encode(request());
  cut[3] = 4;
  auto badFingerprint = encode(request(), {Integrity::none, {}, true});
  badFingerprint.back() ^= 1;
  Message classicIndication = classicRequest();
  classicIndication.kind = MessageClass::indication;
  const Row rows[] = {
      {"an indication", of(MessageClass::indication, 1)},
      {"a response", of(MessageClass::success, 1)},
      {"an error response", of(MessageClass::error, 1)},
      {"TURN's Allocate", of(MessageClass::request, 3)},
      {"another length than it says", cut},
      {"a wrong fingerprint", badFingerprint},
      {"a relay packet", bytes("80 00 00 02 | 00 01 | 61")},
      {"RFC 3489's, but no request", encode(classicIndication)},
      {"nothing", {}},
      {"no port to answer to", encode(request()), at("203.0.113.7", 0)},
  };
  Server server{true};
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK_FALSE(server.ask(row.datagram, kA1P1, row.from));
  }
  CHECK(server.responder.stats().answers == 0);
  CHECK(server.responder.stats().ignored == std::size(rows));
  // An answer to itself would be the beginning of a loop.
  const auto answer = server.ask(encode(request()));
  REQUIRE(answer);
  CHECK_FALSE(server.ask(answer->bytes, answer->to, answer->from));
}

TEST_CASE("a source gets so many answers a minute", "[stun][responder]") {
  Server server{false, 60};
  const auto datagram = encode(request());
  const auto answersTo = [&](const char* ip, int times, TimePoint now) {
    int answered = 0;
    for (int i = 0; i < times; ++i) {
      const auto from = at(ip, static_cast<std::uint16_t>(1'024 + i));  // from whichever port
      if (server.ask(datagram, kA1P1, from, now)) ++answered;
    }
    return answered;
  };
  CHECK(answersTo("203.0.113.7", 200, kStart) == 60);
  CHECK(answersTo("203.0.113.8", 10, kStart) == 10);  // others have their own
  CHECK(answersTo("203.0.113.7", 10, kStart + 900ms) == 0);
  CHECK(answersTo("203.0.113.7", 10, kStart + 5s) == 5);  // one a second
  CHECK(answersTo("203.0.113.7", 200, kStart + 10min) == 60);
  CHECK(server.responder.stats().refused == 140 + 10 + 5 + 140);
  CHECK(server.responder.mostOfASource(kStart + 10min) == 60);

  // An IPv6 customer's addresses are one source, up to /64.
  CHECK(answersTo("2001:db8:1:2::1", 40, kStart) == 40);
  CHECK(answersTo("2001:db8:1:2::2", 40, kStart) == 20);
  CHECK(answersTo("2001:db8:1:3::1", 40, kStart) == 40);
}

TEST_CASE("a flood of invented sources keeps nobody out, and takes no more memory", "[stun][responder]") {
  Server server{false, 60, 4'096};
  SeededRandom random{testSeed("stun flood")};
  const auto datagram = encode(request());
  TimePoint now = kStart;
  // For 150 seconds a third of what all places together allow: 1,333 of 4,096 a second, each from somebody else.
  for (int i = 0; i < 200'000; ++i) {
    IpAddress::V4 ip;
    random.fill(ip);
    server.ask(datagram, kA1P1, {IpAddress{ip}, 1'024}, now);
    if (i % 4 == 0) now += 3ms;
  }
  CHECK(server.responder.stats().refused < 200);
  int answered = 0;
  for (int i = 0; i < 100; ++i) answered += server.ask(datagram, kA1P1, kClient, now).has_value() ? 1 : 0;
  CHECK(answered >= 50);
  CHECK(answered <= 60);
}

TEST_CASE("no answer is longer than its request allows", "[stun][responder]") {
  SeededRandom random{testSeed("stun answers")};
  for (int i = 0; i < 20'000; ++i) {
    Server server{random.below(2) == 0};
    Message asked = request();
    if (random.below(3) == 0) asked.cookie = static_cast<std::uint32_t>(random.next());
    if (random.below(2) == 0) asked.changeRequest = ChangeRequest{random.below(2) == 0, random.below(2) == 0};
    if (random.below(4) == 0) asked.responsePort = static_cast<std::uint16_t>(random.next());
    if (random.below(4) == 0) asked.padding = static_cast<std::uint16_t>(random.below(3'000));
    if (random.below(4) == 0) asked.username = std::string(random.below(500), 'u');
    auto datagram = encode(asked, {static_cast<Integrity>(random.below(4)), keyOf("k"), random.below(2) == 0});
    if (random.below(2) == 0) {  // attributes of any kind, behind
      const std::size_t count = random.below(20);
      for (std::size_t n = 0; n < count; ++n) {
        datagram.push_back(static_cast<std::uint8_t>(random.below(256)));
        datagram.push_back(static_cast<std::uint8_t>(random.below(256)));
        datagram.push_back(0);
        datagram.push_back(0);
      }
      storeU16(&datagram[2], static_cast<std::uint16_t>(datagram.size() - 20));
    }
    const auto answer = server.ask(datagram);
    if (!answer) continue;
    REQUIRE(answer->to.ip == kClient.ip);
    REQUIRE(answer->bytes.size() <= datagram.size() + 48);
  }
}
