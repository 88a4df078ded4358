#include "stun/client_transaction.hpp"

#include <catch2/catch.hpp>

#include "support/bytes.hpp"
#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::stun;
using namespace chuantou::test;

namespace {

using std::chrono::milliseconds;

const TimePoint kStart{std::chrono::hours{1}};
const UdpAddress kServer{*IpAddress::parse("192.0.2.1"), 3478};
const UdpAddress kOther{*IpAddress::parse("192.0.2.2"), 3479};
const UdpAddress kMapped{*IpAddress::parse("203.0.113.7"), 40'000};

TransactionId id(std::uint8_t number) {
  TransactionId out;
  out.bytes.fill(number);
  return out;
}

Query query(std::uint8_t number, UdpAddress to = kServer) {
  Query out;
  out.request.id = id(number);
  out.to = to;
  out.answerFrom = to;
  out.tag = number;
  return out;
}

std::vector<std::uint8_t> answer(std::uint8_t number, const Sealing& sealing = {},
                                 MessageClass kind = MessageClass::success) {
  Message m;
  m.kind = kind;
  m.id = id(number);
  if (kind == MessageClass::success) m.xorMappedAddress = kMapped;
  if (kind == MessageClass::error) m.errorCode = ErrorCode{kUnknownAttribute, "no"};
  return encode(m, sealing);
}

std::vector<Transmit> drain(ClientTransactions& machine) {
  std::vector<Transmit> out;
  while (auto transmit = machine.pollTransmit()) out.push_back(std::move(*transmit));
  return out;
}

}  // namespace

TEST_CASE("a request is sent again when the RFC says so, and given up", "[stun][transaction]") {
  struct Row {
    Retransmission how;
    std::vector<int> sentAt;  ///< in ms
    int givenUpAt;
  };
  const Row rows[] = {
      // RFC 8489, section 6.2.1: its own example.
      {{}, {0, 500, 1500, 3500, 7500, 15500, 31500}, 39500},
      {{milliseconds{100}, 3, 4}, {0, 100, 300}, 700},
      {{milliseconds{200}, 1, 2}, {0}, 400},
      {{milliseconds{200}, 0, 2}, {0}, 400},
  };
  for (const Row& row : rows) {
    ClientTransactions machine;
    Query asked = query(1);
    asked.retransmission = row.how;
    REQUIRE(machine.start(kStart, asked));
    std::vector<int> sentAt;
    TimePoint now = kStart;
    const auto ms = [&] { return static_cast<int>(std::chrono::duration_cast<milliseconds>(now - kStart).count()); };
    for (;;) {
      for (const Transmit& transmit : drain(machine)) {
        CHECK(transmit.to == kServer);
        CHECK(transmit.tag == 1);
        CHECK(toHex(transmit.bytes) == toHex(encode(asked.request)));
        sentAt.push_back(ms());
      }
      const auto next = machine.nextTimeout();
      if (!next) break;
      REQUIRE(*next > now);
      machine.handleTimeout(*next - milliseconds{1});  // too early for anything
      REQUIRE_FALSE(machine.pollTransmit());
      REQUIRE_FALSE(machine.pollOutcome());
      now = *next;
      machine.handleTimeout(now);
    }
    CHECK(sentAt == row.sentAt);
    CHECK(ms() == row.givenUpAt);
    const auto outcome = machine.pollOutcome();
    REQUIRE(outcome);
    CHECK(outcome->answer.error().errc() == Errc::timed_out);
    CHECK(outcome->tag == 1);
    CHECK(outcome->to == kServer);
    CHECK(outcome->sent == row.sentAt.size());
    CHECK_FALSE(machine.pollOutcome());
    CHECK(machine.underWay() == 0);
  }
}

TEST_CASE("a late timer sends one request, not all that were missed", "[stun][transaction]") {
  ClientTransactions machine;
  machine.start(kStart, query(1));
  CHECK(drain(machine).size() == 1);
  machine.handleTimeout(kStart + std::chrono::seconds{20});
  CHECK(drain(machine).size() == 1);
  CHECK(machine.nextTimeout() == kStart + std::chrono::seconds{21});
}

TEST_CASE("an answer ends a query, once", "[stun][transaction]") {
  ClientTransactions machine;
  machine.start(kStart, query(1));
  drain(machine);
  CHECK(machine.handleDatagram(kStart + milliseconds{30}, kServer, answer(1)));
  const auto outcome = machine.pollOutcome();
  REQUIRE(outcome);
  REQUIRE(outcome->answer);
  CHECK(outcome->answer.value().mapped() == kMapped);
  CHECK(outcome->from == kServer);
  CHECK(outcome->elapsed == milliseconds{30});
  CHECK(outcome->sent == 1);
  CHECK_FALSE(machine.nextTimeout());
  CHECK_FALSE(machine.handleDatagram(kStart + milliseconds{31}, kServer, answer(1)));  // somebody else's now
  CHECK_FALSE(machine.pollOutcome());
}

TEST_CASE("an error response is an answer", "[stun][transaction]") {
  ClientTransactions machine;
  machine.start(kStart, query(1));
  CHECK(machine.handleDatagram(kStart, kServer, answer(1, {}, MessageClass::error)));
  const auto outcome = machine.pollOutcome();
  REQUIRE(outcome);
  REQUIRE(outcome->answer);
  CHECK(outcome->answer.value().errorCode->code == kUnknownAttribute);
}

TEST_CASE("what is no answer to a query changes nothing", "[stun][transaction]") {
  struct Row {
    const char* what;
    UdpAddress from;
    std::vector<std::uint8_t> datagram;
    bool ours;
  };
  auto classic = answer(1);
  classic[4] ^= 1;
  auto cut = answer(1);
  cut.resize(cut.size() - 4);
  Message otherMethod;
  otherMethod.kind = MessageClass::success;
  otherMethod.method = Method{3};
  otherMethod.id = id(1);
  auto badFingerprint = answer(1, {Integrity::none, {}, true});
  badFingerprint.back() ^= 1;
  const Row rows[] = {
      {"another id", kServer, answer(2), false},
      {"another address", kOther, answer(1), true},
      {"another port", {kServer.ip, 3479}, answer(1), true},
      {"a request", kServer, answer(1, {}, MessageClass::request), true},
      {"an indication", kServer, answer(1, {}, MessageClass::indication), true},
      {"another method", kServer, encode(otherMethod), true},
      {"without the cookie", kServer, classic, false},
      {"cut short", kServer, cut, true},
      {"a wrong fingerprint", kServer, badFingerprint, true},
      {"a relay packet", kServer, bytes("80 00 00 02 | 00 01 | 61"), false},
      {"nothing", kServer, {}, false},
  };
  ClientTransactions machine;
  machine.start(kStart, query(1));
  drain(machine);
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(machine.handleDatagram(kStart + milliseconds{1}, row.from, row.datagram) == row.ours);
    CHECK_FALSE(machine.pollOutcome());
    CHECK(machine.nextTimeout() == kStart + milliseconds{500});
  }
  CHECK(machine.handleDatagram(kStart + milliseconds{2}, kServer, answer(1)));
  CHECK(machine.pollOutcome());
}

TEST_CASE("an answer from anywhere, where that is asked for", "[stun][transaction]") {
  ClientTransactions machine;
  Query asked = query(1);
  asked.request.changeRequest = ChangeRequest{true, true};
  asked.answerFrom.reset();
  machine.start(kStart, asked);
  CHECK(machine.handleDatagram(kStart, kOther, answer(1)));
  const auto outcome = machine.pollOutcome();
  REQUIRE(outcome);
  CHECK(outcome->from == kOther);
  CHECK(outcome->to == kServer);

  asked = query(2);
  asked.answerFrom = kOther;  // sent to one, answered by another that is known
  machine.start(kStart, asked);
  CHECK(machine.handleDatagram(kStart, kServer, answer(2)));
  CHECK_FALSE(machine.pollOutcome());
  CHECK(machine.handleDatagram(kStart, kOther, answer(2)));
  CHECK(machine.pollOutcome());
}

TEST_CASE("answers that must not be processed end a query", "[stun][transaction]") {
  ClientTransactions machine;
  machine.start(kStart, query(1));
  auto strange = answer(1);
  const auto added = bytes("7f 00 00 00");
  strange.insert(strange.end(), added.begin(), added.end());
  strange[3] = static_cast<std::uint8_t>(strange.size() - 20);
  CHECK(machine.handleDatagram(kStart, kServer, strange));
  auto outcome = machine.pollOutcome();
  REQUIRE(outcome);
  CHECK(outcome->answer.error().errc() == Errc::protocol_error);

  machine.start(kStart, query(2));
  Message noCode;
  noCode.kind = MessageClass::error;
  noCode.id = id(2);
  CHECK(machine.handleDatagram(kStart, kServer, encode(noCode)));
  outcome = machine.pollOutcome();
  REQUIRE(outcome);
  CHECK(outcome->answer.error().errc() == Errc::protocol_error);
}

TEST_CASE("with a key only answers made with it count", "[stun][transaction]") {
  struct Row {
    Integrity asked;
    Integrity answered;
    const char* key;
    bool good;
  };
  const Row rows[] = {
      {Integrity::sha1, Integrity::sha1, "secret", true},     {Integrity::sha1, Integrity::sha1, "guess", false},
      {Integrity::sha1, Integrity::none, "", false},          {Integrity::sha1, Integrity::sha256, "secret", false},
      {Integrity::sha256, Integrity::sha256, "secret", true}, {Integrity::sha256, Integrity::sha1, "secret", false},
      {Integrity::both, Integrity::sha1, "secret", true},     {Integrity::both, Integrity::sha256, "secret", true},
      {Integrity::both, Integrity::both, "secret", true},     {Integrity::both, Integrity::both, "guess", false},
      {Integrity::both, Integrity::none, "", false},          {Integrity::none, Integrity::none, "", true},
      {Integrity::none, Integrity::sha1, "whatever", true},
  };
  for (const Row& row : rows) {
    INFO(static_cast<int>(row.asked) << " " << static_cast<int>(row.answered) << " " << row.key);
    ClientTransactions machine;
    Query asked = query(1);
    {
      const std::string key = "secret";  // gone after start(): it is copied
      asked.sealing = {row.asked, keyOf(key), false};
      machine.start(kStart, asked);
    }
    const auto sent = drain(machine);
    REQUIRE(sent.size() == 1);
    CHECK(verifyIntegrity(sent[0].bytes, row.asked, keyOf("secret")) == (row.asked != Integrity::none));
    CHECK(machine.handleDatagram(kStart, kServer, answer(1, {row.answered, keyOf(row.key), false})));
    auto outcome = machine.pollOutcome();
    CHECK(outcome.has_value() == row.good);
    if (row.good) continue;
    // It goes on, and a good answer may still come; without one, it says what came instead.
    while (const auto next = machine.nextTimeout()) machine.handleTimeout(*next);
    outcome = machine.pollOutcome();
    REQUIRE(outcome);
    CHECK(outcome->answer.error().errc() == Errc::protocol_error);
  }
}

TEST_CASE("a good answer after a forged one", "[stun][transaction]") {
  ClientTransactions machine;
  Query asked = query(1);
  asked.sealing = {Integrity::sha1, keyOf("secret"), true};
  machine.start(kStart, asked);
  CHECK(machine.handleDatagram(kStart, kServer, answer(1, {Integrity::sha1, keyOf("guess"), true})));
  CHECK(machine.handleDatagram(kStart, kServer, answer(1, {Integrity::sha1, keyOf("secret"), true})));
  const auto outcome = machine.pollOutcome();
  REQUIRE(outcome);
  CHECK(outcome->answer);
}

TEST_CASE("an address that is unreachable", "[stun][transaction]") {
  ClientTransactions machine;
  machine.start(kStart, query(1));
  machine.start(kStart, query(2, kOther));
  machine.start(kStart, query(3));
  machine.handleUnreachable(kStart + milliseconds{5}, kServer);
  std::vector<std::uint64_t> ended;
  while (const auto outcome = machine.pollOutcome()) {
    CHECK(outcome->answer.error().errc() == Errc::target_refused);
    ended.push_back(outcome->tag);
  }
  CHECK(ended == std::vector<std::uint64_t>{1, 3});
  CHECK(machine.underWay() == 1);
}

TEST_CASE("several servers at once", "[stun][transaction]") {
  SeededRandom random{testSeed("stun transactions")};
  ClientTransactions machine;
  // Every server answers the requests that do not get lost; the last one is silent.
  struct Server {
    UdpAddress address;
    std::size_t heard = 0;
  };
  std::vector<Server> servers;
  for (std::uint8_t i = 0; i < 40; ++i) {
    servers.push_back({UdpAddress{IpAddress{IpAddress::V4{192, 0, 2, i}}, 3478}});
    REQUIRE(machine.start(kStart, query(i, servers.back().address)));
  }
  std::size_t answered = 0;
  std::size_t failed = 0;
  TimePoint now = kStart;
  for (;;) {
    for (const Transmit& transmit : drain(machine)) {
      Server& server = servers[transmit.tag];
      REQUIRE(transmit.to == server.address);
      ++server.heard;
      const bool lost = transmit.tag == 39 || random.below(2) == 0;
      if (!lost)
        machine.handleDatagram(now + milliseconds{20}, server.address, answer(static_cast<std::uint8_t>(transmit.tag)));
    }
    while (const auto outcome = machine.pollOutcome()) {
      (outcome->answer ? answered : failed) += 1;
      CHECK(outcome->sent == servers[outcome->tag].heard);
      if (outcome->tag == 39) CHECK(outcome->answer.error().errc() == Errc::timed_out);
    }
    const auto next = machine.nextTimeout();
    if (!next) break;
    now = *next;
    machine.handleTimeout(now);
  }
  CHECK(answered + failed == 40);
  CHECK(failed >= 1);
  CHECK(answered >= 30);  // each fails with one in 128
}

TEST_CASE("a query that is taken back", "[stun][transaction]") {
  ClientTransactions machine;
  machine.start(kStart, query(1));
  CHECK_FALSE(machine.start(kStart, query(1)));  // one of an id
  CHECK(machine.cancel(id(1)));
  CHECK_FALSE(machine.cancel(id(1)));
  CHECK_FALSE(machine.pollTransmit());
  CHECK_FALSE(machine.pollOutcome());
  CHECK_FALSE(machine.nextTimeout());
  CHECK(machine.start(kStart, query(1)));
}

TEST_CASE("more queries than there may be", "[stun][transaction]") {
  SeededRandom random{1};
  ClientTransactions machine;
  for (std::size_t i = 0; i <= ClientTransactions::kMaxQueries; ++i) {
    Query asked = query(1);
    asked.request.id = TransactionId::random(random);
    REQUIRE(machine.start(kStart, asked));
  }
  CHECK(machine.underWay() == ClientTransactions::kMaxQueries);
  const auto outcome = machine.pollOutcome();
  REQUIRE(outcome);
  CHECK(outcome->answer.error().errc() == Errc::limit_reached);
  CHECK_FALSE(machine.pollOutcome());
}
