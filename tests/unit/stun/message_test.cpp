#include "stun/message.hpp"

#include <catch2/catch.hpp>

#include "base/bytes.hpp"
#include "crypto/hmac.hpp"
#include "stun/fingerprint.hpp"
#include "stun/rfc5769.hpp"
#include "support/bytes.hpp"
#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::stun;
using namespace chuantou::test;

namespace {

UdpAddress at(const char* ip, std::uint16_t port) { return {IpAddress::parse(ip).value(), port}; }

TransactionId idOf(const char* hex) {
  TransactionId id;
  const auto raw = bytes(hex);
  REQUIRE(raw.size() == id.bytes.size());
  std::copy(raw.begin(), raw.end(), id.bytes.begin());
  return id;
}
const char* const kVectorId = "b7 e7 a7 01 bc 34 d6 86 fa 87 df ae";

/// A message's bytes: a header that fits these attributes.
std::vector<std::uint8_t> withHeader(const char* type, const char* attributes, const char* cookie = "21 12 a4 42") {
  const auto body = bytes(attributes);
  auto out = bytes(type);
  out.resize(4);
  storeU16(&out[2], static_cast<std::uint16_t>(body.size()));
  for (const auto byte : bytes(cookie)) out.push_back(byte);
  for (const auto byte : bytes("00 01 02 03 04 05 06 07 08 09 0a 0b")) out.push_back(byte);
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

/// With everything that the codec knows, as far as chance wants it.
Message randomMessage(SeededRandom& random) {
  const auto chance = [&] { return random.below(3) == 0; };
  const auto text = [&](std::size_t limit) {
    std::string out(random.below(limit + 1), '\0');
    random.fill({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
    return out;
  };
  const auto address = [&] {
    IpAddress::V6 ip;
    random.fill(ip);
    const auto port = static_cast<std::uint16_t>(random.next());
    return random.below(2) == 0 ? UdpAddress{IpAddress{ip}, port}
                                : UdpAddress{IpAddress{IpAddress::V4{ip[0], ip[1], ip[2], ip[3]}}, port};
  };
  Message m;
  m.kind = static_cast<MessageClass>(random.below(4));
  m.method = static_cast<Method>(random.below(0x1000));
  m.id = TransactionId::random(random);
  for (auto* slot : {&m.mappedAddress, &m.xorMappedAddress, &m.responseOrigin, &m.otherAddress, &m.sourceAddress,
                     &m.changedAddress}) {
    if (chance()) *slot = address();
  }
  if (chance()) m.changeRequest = ChangeRequest{chance(), chance()};
  if (chance()) m.responsePort = static_cast<std::uint16_t>(random.next());
  if (chance()) m.padding = static_cast<std::uint16_t>(random.below(1'500));
  if (chance()) m.errorCode = ErrorCode{300 + static_cast<unsigned>(random.below(400)), text(kMaxText)};
  if (chance()) m.unknownAttributes.assign(1 + random.below(5), static_cast<std::uint16_t>(random.next()));
  if (chance()) m.username = text(kMaxUsername);
  if (chance()) m.userhash = std::string(32, 'h');
  if (chance()) m.realm = text(kMaxText);
  if (chance()) m.nonce = text(kMaxText);
  if (chance()) m.software = text(kMaxText);
  if (chance()) m.priority = static_cast<std::uint32_t>(random.next());
  m.useCandidate = chance();
  if (chance()) m.iceControlled = random.next();
  if (chance()) m.iceControlling = random.next();
  return m;
}

}  // namespace

TEST_CASE("RFC 5769, 2.1: a request", "[stun][message]") {
  const auto datagram = bytes(kSampleRequest);
  CHECK(isStun(datagram));
  const auto message = decode(datagram);
  REQUIRE(message);
  const Message& m = message.value();
  CHECK(m.kind == MessageClass::request);
  CHECK(m.method == Method::binding);
  CHECK(m.id == idOf(kVectorId));
  CHECK_FALSE(m.isClassic());
  CHECK(m.software == "STUN test client");
  CHECK(m.username == "evtj:h6vY");
  CHECK(m.priority == 0x6e0001ffu);
  CHECK(m.iceControlled == 0x932ff9b151263b36u);
  CHECK_FALSE(m.iceControlling);
  CHECK(m.notUnderstood.empty());
  CHECK(m.hasIntegrity);
  CHECK_FALSE(m.hasIntegritySha256);
  CHECK(m.hasFingerprint);
  CHECK(verifyIntegrity(datagram, Integrity::sha1, keyOf(kVectorPassword)));
  CHECK_FALSE(verifyIntegrity(datagram, Integrity::sha1, keyOf("VOkJxbRl1RmTxUk/WvJxBu")));
  CHECK_FALSE(verifyIntegrity(datagram, Integrity::sha256, keyOf(kVectorPassword)));
  CHECK_FALSE(verifyIntegrity(datagram, Integrity::both, keyOf(kVectorPassword)));
  CHECK_FALSE(verifyIntegrity(datagram, Integrity::none, keyOf(kVectorPassword)));
}

TEST_CASE("RFC 5769, 2.2 and 2.3: responses with an address", "[stun][message]") {
  struct Row {
    const char* bytes;
    UdpAddress mapped;
  };
  const Row rows[] = {{kSampleV4Response, at("192.0.2.1", 32853)},
                      {kSampleV6Response, at("2001:db8:1234:5678:11:2233:4455:6677", 32853)}};
  for (const Row& row : rows) {
    const auto datagram = bytes(row.bytes);
    const auto message = decode(datagram);
    REQUIRE(message);
    const Message& m = message.value();
    CHECK(m.kind == MessageClass::success);
    CHECK(m.id == idOf(kVectorId));
    CHECK(m.software == "test vector");
    CHECK(m.xorMappedAddress == row.mapped);
    CHECK(m.mapped() == row.mapped);
    CHECK_FALSE(m.mappedAddress);
    CHECK(m.hasFingerprint);
    CHECK(verifyIntegrity(datagram, Integrity::sha1, keyOf(kVectorPassword)));
  }
}

TEST_CASE("the RFC's responses, encoded by us, differ in the padding only", "[stun][message]") {
  for (const char* vector : {kSampleV4Response, kSampleV6Response}) {
    const auto datagram = bytes(vector);
    const auto message = decode(datagram);
    REQUIRE(message);
    auto ours = encode(message.value(), {Integrity::sha1, keyOf(kVectorPassword), true});
    REQUIRE(ours.size() == datagram.size());
    CHECK(ours[35] == 0);
    CHECK(datagram[35] == ' ');
    const std::size_t integrity = datagram.size() - 32;
    ours[35] = ' ';
    CHECK(toHex(std::span{ours}.first(integrity)) == toHex(std::span{datagram}.first(integrity)));
  }
}

TEST_CASE("RFC 5769, 2.4: a request with long-term credentials", "[stun][message]") {
  const auto datagram = bytes(kSampleLongTerm);
  const auto message = decode(datagram);
  REQUIRE(message);
  const Message& m = message.value();
  CHECK(m.username == "\u30DE\u30C8\u30EA\u30C3\u30AF\u30B9");
  CHECK(m.nonce == "f//499k954d6OL34oL9FSTvy64sA");
  CHECK(m.realm == "example.org");
  CHECK_FALSE(m.hasFingerprint);
  CHECK(verifyIntegrity(datagram, Integrity::sha1, bytes(kSampleLongTermKey)));
  // Its padding is of zeros and its attributes come in our order: ours is the same, byte for byte.
  CHECK(toHex(encode(m, {Integrity::sha1, bytes(kSampleLongTermKey)})) == toHex(datagram));
}

TEST_CASE("RFC 8489, B.1: a request with SHA-256", "[stun][message]") {
  const auto datagram = bytes(kSampleSha256);
  const auto key = bytes(kSampleSha256Key);
  const auto message = decode(datagram);
  REQUIRE(message);
  CHECK(toHex(keyOf(*message->userhash)) == "4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704");
  CHECK(message->realm == "example.org");
  CHECK(message->hasIntegritySha256);
  CHECK_FALSE(message->hasIntegrity);
  CHECK(verifyIntegrity(datagram, Integrity::sha256, key));
  CHECK_FALSE(verifyIntegrity(datagram, Integrity::sha1, key));
  CHECK(toHex(encode(message.value(), {Integrity::sha256, key})) == toHex(datagram));

  // As printed: the length is that of the whole message, and so is what the MAC was made of.
  auto printed = datagram;
  printed[3] = 0x9c;
  CHECK(toHex(crypto::hmacSha256(key, std::span{printed}.first(120))) == toHex(bytes(kSampleSha256Printed)));
  CHECK_FALSE(decode(printed));
}

TEST_CASE("one flipped bit anywhere is seen", "[stun][message]") {
  struct Row {
    const char* bytes;
    Integrity kind;
    std::vector<std::uint8_t> key;
    bool fingerprint;
  };
  const auto password = keyOf(kVectorPassword);
  const std::vector<std::uint8_t> shortTerm(password.begin(), password.end());
  const Row rows[] = {{kSampleRequest, Integrity::sha1, shortTerm, true},
                      {kSampleV4Response, Integrity::sha1, shortTerm, true},
                      {kSampleV6Response, Integrity::sha1, shortTerm, true},
                      {kSampleLongTerm, Integrity::sha1, bytes(kSampleLongTermKey), false},
                      {kSampleSha256, Integrity::sha256, bytes(kSampleSha256Key), false}};
  for (const Row& row : rows) {
    const auto good = bytes(row.bytes);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      auto bad = good;
      bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      const auto message = decode(bad);
      // The fingerprint's own type, flipped, is another attribute, and nothing says that there was a fingerprint.
      if (row.fingerprint && message) CHECK_FALSE(message->hasFingerprint);
      // What stands behind the integrity is not covered by it.
      if (row.fingerprint && bit / 8 >= good.size() - 8) continue;
      CHECK_FALSE((message && verifyIntegrity(bad, row.kind, row.key)));
    }
  }
}

TEST_CASE("types: method and class", "[stun][message]") {
  struct Row {
    MessageClass kind;
    std::uint16_t method;
    const char* type;
  };
  const Row rows[] = {
      {MessageClass::request, 0x001, "0001"},    {MessageClass::indication, 0x001, "0011"},
      {MessageClass::success, 0x001, "0101"},    {MessageClass::error, 0x001, "0111"},
      {MessageClass::request, 0x003, "0003"},    {MessageClass::success, 0x003, "0103"},  // Allocate
      {MessageClass::indication, 0x006, "0016"},                                          // Send
      {MessageClass::request, 0xfff, "3eef"},    {MessageClass::error, 0xfff, "3fff"},
      {MessageClass::request, 0x010, "0020"},    {MessageClass::request, 0x080, "0200"},
  };
  for (const Row& row : rows) {
    Message m;
    m.kind = row.kind;
    m.method = static_cast<Method>(row.method);
    const auto datagram = encode(m);
    CHECK(toHex(std::span{datagram}.first(2)) == row.type);
    const auto back = decode(datagram);
    REQUIRE(back);
    CHECK(back->kind == row.kind);
    CHECK(back->method == m.method);
  }
}

TEST_CASE("headers", "[stun][message]") {
  struct Row {
    const char* bytes;
    bool stun;
    bool good;
    bool classic;  ///< a Binding request of RFC 3489
  };
  const Row rows[] = {
      {"00 01 00 00 | 21 12 a4 42 | 00 01 02 03 04 05 06 07 08 09 0a 0b", true, true, false},
      // Another length than it says, or one that is no multiple of four.
      {"00 01 00 04 | 21 12 a4 42 | 00 01 02 03 04 05 06 07 08 09 0a 0b", true, false, false},
      {"00 01 00 00 | 21 12 a4 42 | 00 01 02 03 04 05 06 07 08 09 0a 0b | 80 22 00 00", true, false, false},
      {"00 01 00 02 | 21 12 a4 42 | 00 01 02 03 04 05 06 07 08 09 0a 0b | 80 22", true, false, false},
      {"00 01 ff fc | 21 12 a4 42 | 00 01 02 03 04 05 06 07 08 09 0a 0b", true, false, false},
      // Other protocols: relay packets, QUIC, DTLS.
      {"80 01 00 00 | 21 12 a4 42 | 00 01 02 03 04 05 06 07 08 09 0a 0b", false, false, false},
      {"c0 01 00 00 | 21 12 a4 42 | 00 01 02 03 04 05 06 07 08 09 0a 0b", false, false, false},
      {"40 01 00 00 | 21 12 a4 42 | 00 01 02 03 04 05 06 07 08 09 0a 0b", false, false, false},
      // RFC 3489.
      {"00 01 00 00 | 21 12 a4 43 | 00 01 02 03 04 05 06 07 08 09 0a 0b", false, false, true},
      {"00 01 00 04 | 21 12 a4 43 | 00 01 02 03 04 05 06 07 08 09 0a 0b", false, false, false},
      {"01 01 00 00 | 21 12 a4 43 | 00 01 02 03 04 05 06 07 08 09 0a 0b", false, false, false},
      // Not even a header.
      {"", false, false, false},
      {"00 01 00 00 | 21 12 a4 42 | 00 01 02 03 04 05 06 07 08 09 0a", false, false, false},
  };
  for (const Row& row : rows) {
    INFO(row.bytes);
    const auto datagram = bytes(row.bytes);
    CHECK(isStun(datagram) == row.stun);
    CHECK(decode(datagram).ok() == row.good);
    CHECK(isClassicRequest(datagram) == row.classic);
    CHECK(decodeAny(datagram).ok() == (row.good || (row.classic || (datagram.size() == 20 && datagram[0] == 1))));
    if (!row.good) CHECK(decode(datagram).error().errc() == Errc::protocol_error);
  }
}

TEST_CASE("values of attributes", "[stun][message]") {
  struct Row {
    const char* what;
    const char* attributes;
    bool good;
  };
  const Row rows[] = {
      {"nothing", "", true},
      {"an attribute without a length", "00 01", false},
      {"one longer than the message", "80 22 00 05 | 61 62 63 64", false},
      {"one whose padding is missing", "80 22 00 03 | 61 62 63", false},
      {"IPv4", "00 01 00 08 | 00 01 0d 96 c0 00 02 01", true},
      {"a family of no address", "00 01 00 08 | 00 03 0d 96 c0 00 02 01", false},
      {"IPv6 in four bytes", "00 01 00 08 | 00 02 0d 96 c0 00 02 01", false},
      {"IPv4 in sixteen", "00 20 00 14 | 00 01 0d 96 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", false},
      {"no address at all", "00 01 00 00 |", false},
      {"a first byte that says nothing", "00 01 00 08 | ff 01 0d 96 c0 00 02 01", true},
      {"OTHER-ADDRESS that is malformed may be ignored", "80 2c 00 08 | 00 03 0d 96 c0 00 02 01", true},
      {"a CHANGE-REQUEST of another length", "00 03 00 08 | 00 00 00 06 00 00 00 00", false},
      {"a port of two bytes", "00 27 00 02 | 0d 96 00 00", true},
      {"a port of four bytes", "00 27 00 04 | 0d 96 00 00", true},
      {"a port of three", "00 27 00 03 | 0d 96 00 00", false},
      {"an error code", "00 09 00 04 | 00 00 04 14", true},
      {"one below 300", "00 09 00 04 | 00 00 02 00", false},
      {"one above 699", "00 09 00 04 | 00 00 07 00", false},
      {"one with more than 99 in its last byte", "00 09 00 04 | 00 00 04 64", false},
      {"half an attribute's type", "00 0a 00 03 | 00 01 00 00", false},
      {"PRIORITY of two bytes", "00 24 00 02 | 00 01 00 00", false},
      {"USE-CANDIDATE with a value", "00 25 00 04 | 00 00 00 00", false},
      {"ICE-CONTROLLED of four bytes may be ignored", "80 29 00 04 | 00 00 00 00", true},
      {"integrity of another length", "00 08 00 10 | 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", false},
      {"SHA-256 cut to half", "00 1c 00 10 | 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", true},
      {"and to less", "00 1c 00 0c | 00 00 00 00 00 00 00 00 00 00 00 00", false},
      {"a fingerprint that is wrong", "80 28 00 04 | 00 00 00 00", false},
      {"a fingerprint of another length", "80 28 00 00 |", false},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(decode(withHeader("01 01", row.attributes)).ok() == row.good);
  }
}

TEST_CASE("texts as long as the RFC allows", "[stun][message]") {
  Message m;
  m.username = std::string(2'000, 'u');
  m.software = std::string(2'000, 's');
  m.errorCode = ErrorCode{699, std::string(2'000, 'r')};
  const auto back = decode(encode(m));
  REQUIRE(back);
  CHECK(back->username == std::string(508, 'u'));
  CHECK(back->software == std::string(763, 's'));
  CHECK(back->errorCode->reason == std::string(763, 'r'));
  CHECK(back->errorCode->code == 699);

  const std::string tooLong = "00 06 01 fd |" + std::string(512 * 2, '0');  // 509 bytes
  CHECK_FALSE(decode(withHeader("00 01", tooLong.c_str())));
}

TEST_CASE("what must be understood, and is not", "[stun][message]") {
  struct Row {
    const char* attributes;
    std::vector<std::uint16_t> notUnderstood;
  };
  const Row rows[] = {
      {"7f ff 00 00 |", {0x7fff}},
      {"80 00 00 00 |", {}},
      {"c0 57 00 04 | 00 00 00 01", {}},
      {"00 02 00 08 | 00 01 0d 96 c0 00 02 01", {0x0002}},  // RESPONSE-ADDRESS of RFC 3489
      {"7f 00 00 02 | 61 62 00 00 | 80 22 00 01 | 61 00 00 00 | 00 1d 00 00 | 7f 00 00 00 |", {0x7f00, 0x001d}},
      {"00 24 00 04 | 00 00 00 01", {}},
  };
  for (const Row& row : rows) {
    INFO(row.attributes);
    const auto message = decode(withHeader("00 01", row.attributes));
    REQUIRE(message);
    CHECK(message->notUnderstood == row.notUnderstood);
  }
}

TEST_CASE("of an attribute that comes twice the first counts", "[stun][message]") {
  const auto message = decode(withHeader("01 01",
                                         "00 01 00 08 | 00 01 00 01 c0 00 02 01 |"
                                         "00 01 00 08 | 00 01 00 02 c0 00 02 02 |"
                                         "80 22 00 01 | 61 00 00 00 | 80 22 00 01 | 62 00 00 00"));
  REQUIRE(message);
  CHECK(message->mappedAddress == at("192.0.2.1", 1));
  CHECK(message->software == "a");
}

TEST_CASE("what stands behind the integrity is not believed", "[stun][message]") {
  const auto key = keyOf("secret");
  Message m;
  m.username = "somebody";
  struct Row {
    Integrity integrity;
    const char* added;
    bool sha256;  ///< seen in the result
  };
  const Row rows[] = {
      {Integrity::sha1, "00 25 00 00 | 00 24 00 04 | 00 00 00 01 | 7f 00 00 00 | 80 22 00 01 | 61 00 00 00", false},
      {Integrity::sha256, "00 25 00 00 | 00 24 00 04 | 00 00 00 01 | 7f 00 00 00 | 80 22 00 01 | 61 00 00 00", true},
      {Integrity::both, "00 25 00 00 | 00 24 00 04 | 00 00 00 01 | 7f 00 00 00 | 80 22 00 01 | 61 00 00 00", true},
      // SHA-256 may follow SHA-1, but not the other way round.
      {Integrity::sha256, "00 08 00 14 | 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", true},
  };
  for (const Row& row : rows) {
    auto datagram = encode(m, {row.integrity, key});
    const auto added = bytes(row.added);
    datagram.insert(datagram.end(), added.begin(), added.end());
    storeU16(&datagram[2], static_cast<std::uint16_t>(datagram.size() - kHeaderSize));
    const auto message = decode(datagram);
    REQUIRE(message);
    CHECK(message->username == "somebody");
    CHECK_FALSE(message->useCandidate);
    CHECK_FALSE(message->priority);
    CHECK_FALSE(message->software);
    CHECK(message->notUnderstood.empty());
    CHECK(message->hasIntegritySha256 == row.sha256);
    CHECK(message->hasIntegrity == (row.integrity != Integrity::sha256));
    CHECK(verifyIntegrity(datagram, row.integrity, key));
  }
}

TEST_CASE("nothing stands behind a fingerprint", "[stun][message]") {
  auto datagram = encode(Message{}, {Integrity::none, {}, true});
  REQUIRE(datagram.size() == 28);
  REQUIRE(decode(datagram));
  // As long as it says, with a fingerprint that is right for that length.
  datagram.resize(32);
  storeU16(&datagram[2], 12);
  storeU16(&datagram[28], 0x8022);
  storeU32(&datagram[24], fingerprintOf(std::span{datagram}.first(20)));
  CHECK_FALSE(decode(datagram));
}

TEST_CASE("a SHA-256 that is cut short proves nothing", "[stun][message]") {
  const auto key = keyOf("secret");
  auto datagram = encode(Message{}, {Integrity::sha256, key});
  REQUIRE(verifyIntegrity(datagram, Integrity::sha256, key));
  // Rightly made for its length, so that it is the cut alone that is refused.
  datagram.resize(datagram.size() - 16);
  storeU16(&datagram[2], static_cast<std::uint16_t>(datagram.size() - kHeaderSize));
  storeU16(&datagram[22], 16);
  const auto mac = crypto::hmacSha256(key, std::span{datagram}.first(20));
  std::copy_n(mac.begin(), 16, datagram.begin() + 24);
  REQUIRE(decode(datagram));
  CHECK_FALSE(verifyIntegrity(datagram, Integrity::sha256, key));
}

TEST_CASE("messages come back as they were", "[stun][message]") {
  SeededRandom random{testSeed("stun message")};
  for (int i = 0; i < 3'000; ++i) {
    const Message message = randomMessage(random);
    const Sealing sealing{static_cast<Integrity>(random.below(4)), keyOf("key"), random.below(2) == 0};
    const auto datagram = encode(message, sealing);
    REQUIRE(isStun(datagram));
    auto back = decode(datagram);
    REQUIRE(back);
    CHECK(back->hasFingerprint == sealing.fingerprint);
    CHECK(back->hasIntegrity == (sealing.integrity == Integrity::sha1 || sealing.integrity == Integrity::both));
    CHECK(back->hasIntegritySha256 == (sealing.integrity == Integrity::sha256 || sealing.integrity == Integrity::both));
    CHECK(verifyIntegrity(datagram, sealing.integrity, keyOf("key")) == (sealing.integrity != Integrity::none));
    CHECK_FALSE(verifyIntegrity(datagram, sealing.integrity, keyOf("kez")));
    back->hasFingerprint = back->hasIntegrity = back->hasIntegritySha256 = false;
    REQUIRE(back.value() == message);
  }
}

TEST_CASE("RFC 3489's messages keep their whole transaction id", "[stun][message]") {
  const auto datagram = withHeader("00 01", "00 03 00 04 | 00 00 00 06", "de ad be ef");
  CHECK(isClassicRequest(datagram));
  CHECK_FALSE(decode(datagram));
  const auto message = decodeAny(datagram);
  REQUIRE(message);
  CHECK(message->isClassic());
  CHECK(message->changeRequest == ChangeRequest{true, true});
  CHECK(toHex(encode(message.value())) == toHex(datagram));
}

TEST_CASE("too many attributes", "[stun][message]") {
  std::string attributes;
  for (std::size_t i = 0; i < kMaxAttributes; ++i) attributes += "80 00 00 00 |";
  CHECK(decode(withHeader("00 01", attributes.c_str())));
  attributes += "80 00 00 00";
  CHECK_FALSE(decode(withHeader("00 01", attributes.c_str())));
}
