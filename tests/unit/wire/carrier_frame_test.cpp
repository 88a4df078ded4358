#include "wire/carrier_frame.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "base/hex.hpp"
#include "support/bytes.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using test::bytes;

namespace {

Result<FrameHeader> headerOf(std::span<const std::uint8_t> frame) { return decodeHeader(frame.first<kFrameHeaderSize>()); }
std::span<const std::uint8_t> payloadOf(std::span<const std::uint8_t> frame) { return frame.subspan(kFrameHeaderSize); }
template <class Frame>
FrameBytes vectorOf(const Frame& frame) {
  return {frame.begin(), frame.end()};
}

StreamId idOf(std::string_view hex) {
  StreamId id;
  REQUIRE(fromHex(hex, id.bytes));
  return id;
}
constexpr const char* kId = "000102030405060708090a0b0c0d0e0f";
/// 16 bytes, and no patience.
constexpr const char* kNoId = "00000000000000000000000000000000 0000";

}  // namespace

TEST_CASE("carrier frames, byte for byte", "[wire][carrier]") {
  const std::array<std::uint8_t, 8> eight{1, 2, 3, 4, 5, 6, 7, 8};
  const OpenFrame db{65535, "db", idOf(kId), 60};
  struct Row {
    FrameBytes frame;
    const char* bytes;  ///< type | flags | length | payload
  };
  const Row rows[] = {
      {encodeOpen({3000, ""}, 0), "01 | 00 | 00 14 | 0bb8 | 00000000000000000000000000000000 | 0000"},
      {encodeOpen({3000, "", idOf(kId), 0x1234}, kFlagAnswerAtOnce), "01 | 01 | 00 14 | 0bb8 | 000102030405060708090a0b0c0d0e0f | 1234"},
      {encodeOpen(db, 0), "01 | 00 | 00 16 | ffff | 000102030405060708090a0b0c0d0e0f | 003c | 6462"},
      {encodeAccept(), "02 | 00 | 00 00 |"},
      {encodeReject(Errc::protocol_error, ""), "03 | 00 | 00 02 | 00 64"},
      {encodeReject(Errc::target_refused, "no"), "03 | 00 | 00 04 | 00 6a 6e 6f"},
      {encodeReject(Errc::limit_reached, ""), "03 | 00 | 00 02 | 00 6d"},
      {encodePing(FrameType::ping, eight), "04 | 00 | 00 08 | 01 02 03 04 05 06 07 08"},
      {encodePing(FrameType::pong, eight), "05 | 00 | 00 08 | 01 02 03 04 05 06 07 08"},
      {vectorOf(encodeBare(FrameType::accept)), "02 | 00 | 00 00 |"},
      {vectorOf(encodeBare(FrameType::fin)), "07 | 00 | 00 00 |"},
      {vectorOf(encodeBare(FrameType::reset)), "08 | 00 | 00 00 |"},
      {vectorOf(encodePosition(FrameType::ack, 0x0102030405060708)), "0a | 00 | 00 08 | 01 02 03 04 05 06 07 08"},
      {encodeResume({db, 0x0102030405060708, 0xa1a2a3a4}, kFlagAnswered | kFlagSwitch),
       "0b | 06 | 00 22 | 0102030405060708 | a1a2a3a4 | ffff | 000102030405060708090a0b0c0d0e0f | 003c | 6462"},
      {vectorOf(encodePosition(FrameType::resumed, 5)), "0c | 00 | 00 08 | 00 00 00 00 00 00 00 05"},
      {vectorOf(encodePosition(FrameType::resumed, ~std::uint64_t{0}, kFlagAnswered)), "0c | 02 | 00 08 | ff ff ff ff ff ff ff ff"},
      {vectorOf(encodeBare(FrameType::switchOver)), "0d | 00 | 00 00 |"},
      {vectorOf(encodeCount(FrameType::window, 0x01020304)), "0e | 00 | 00 04 | 01 02 03 04"},
      {vectorOf(encodeCount(FrameType::ackEvery, 65536)), "0f | 00 | 00 04 | 00 01 00 00"},
  };
  for (const Row& row : rows) {
    CHECK(toHex(row.frame) == toHex(bytes(row.bytes)));
    const auto header = headerOf(row.frame);
    REQUIRE(header.ok());
    CHECK(static_cast<std::uint8_t>(header.value().type) == row.frame[0]);
    CHECK(header.value().flags == row.frame[1]);
    CHECK(header.value().length == row.frame.size() - kFrameHeaderSize);
  }
}

TEST_CASE("DATA has a length of 24 bits and no flags", "[wire][carrier]") {
  for (const std::uint32_t size : {1u, 255u, 256u, 65535u, 65536u, 131072u, 0xffffffu}) {
    const auto frame = encodeDataHeader(size);
    const auto header = headerOf(frame);
    REQUIRE(header.ok());
    CHECK(header.value().type == FrameType::data);
    CHECK(header.value().flags == 0);
    CHECK(header.value().length == size);
  }
  CHECK(toHex(vectorOf(encodeDataHeader(0x010203))) == "06010203");
}

TEST_CASE("headers that the protocol does not allow", "[wire][carrier]") {
  struct Row {
    const char* bytes;
    bool good;
  };
  const Row rows[] = {
      {"01 00 0002", true},  {"01 00 0101", true},  {"01 00 0200", true},  {"01 ff 0002", true},  {"01 00 0000", false},
      {"01 00 0001", false}, {"01 00 0201", false}, {"01 00 ffff", false}, {"02 00 0000", true},  {"02 00 0001", false},
      {"02 00 0200", false}, {"03 00 0002", true},  {"03 00 0001", false}, {"03 00 0201", false}, {"04 00 0008", true},
      {"04 00 0007", false}, {"04 00 0009", false}, {"04 00 0000", false}, {"05 00 0008", true},  {"05 00 0009", false},
      {"00 00 0000", false}, {"06 00 0000", false}, {"ff 00 0000", false}, {"80 00 0002", false}, {"06 00 0001", true},
      {"06 ff ffff", true},  {"07 00 0000", true},  {"07 00 0001", false}, {"08 00 0000", true},  {"08 00 0001", false},
      {"09 00 0002", true},  {"09 00 0001", false}, {"09 00 0201", false}, {"0a 00 0008", true},  {"0a 00 0007", false},
      {"0a 00 0009", false}, {"0a 00 0000", false}, {"0b 00 0022", true},  {"0b 00 0200", true},  {"0b 00 0201", false},
      {"0b 00 0001", false}, {"0c 02 0008", true},  {"0c 02 0007", false}, {"0c 02 0010", false}, {"0d 00 0000", true},
      {"0d 00 0001", false}, {"0e 00 0004", true},  {"0e 00 0008", false}, {"0e 00 0003", false}, {"0f 00 0004", true},
      {"0f 00 0005", false}, {"0f 00 0000", false}, {"10 00 0000", false}, {"10 00 0008", false},
  };
  for (const Row& row : rows) {
    INFO(row.bytes);
    const auto header = headerOf(bytes(row.bytes));
    CHECK(header.ok() == row.good);
    if (!header.ok()) CHECK(header.error().errc() == Errc::protocol_error);
  }
}

TEST_CASE("OPEN both ways", "[wire][carrier]") {
  for (const std::string& host :
       {std::string{}, std::string{"db"}, std::string{"::1"}, std::string{"例子.测试"}, std::string(255, 'h')}) {
    for (const int port : {1, 80, 65535}) {
      const OpenFrame sent{static_cast<std::uint16_t>(port), host, idOf(kId), static_cast<std::uint16_t>(port / 2)};
      const auto frame = encodeOpen(sent, 0);
      CHECK(frame.size() <= kFrameHeaderSize + kMaxFramePayload);
      const auto open = decodeOpen(payloadOf(frame));
      REQUIRE(open.ok());
      CHECK(open.value().port == port);
      CHECK(open.value().host == host);
      CHECK(open.value().id == idOf(kId));
      CHECK(open.value().patience == port / 2);
    }
  }
  struct Row {
    std::string bytes;
    const char* why;
  };
  const std::string id{kNoId};
  for (const Row& row :
       {Row{"", "length"}, Row{"00", "length"}, Row{"0050", "length"}, Row{"0050 6462", "length"}, Row{"0050" + id.substr(0, 35), "length"},
        Row{"0000" + id, "port 0"}, Row{"0000" + id + "6462", "port 0"}, Row{"0050" + id + "00", "host"},
        Row{"0050" + id + "6120 62", "host"}, Row{"0050" + id + "0a", "host"}, Row{"0050" + id + "7f", "host"},
        Row{"0050" + id + "611b", "host"}}) {
    INFO(row.bytes);
    const auto open = decodeOpen(bytes(row.bytes));
    REQUIRE_FALSE(open.ok());
    CHECK_THAT(open.error().detail(), Catch::Contains(row.why));
  }
  std::vector<std::uint8_t> longest(20 + 256, 'h');
  CHECK_FALSE(decodeOpen(longest).ok());
  longest.pop_back();
  CHECK(decodeOpen(longest).ok());
}

TEST_CASE("RESUME both ways", "[wire][carrier]") {
  for (const std::string& host : {std::string{}, std::string{"db"}, std::string(255, 'h')}) {
    for (const std::uint64_t position : {std::uint64_t{0}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
      const auto frame = encodeResume({{80, host, idOf(kId), 600}, position, 0xfffffffe}, kFlagSwitch);
      CHECK(frame.size() <= kFrameHeaderSize + kMaxFramePayload);
      REQUIRE(headerOf(frame).ok());
      CHECK(headerOf(frame).value().flags == kFlagSwitch);
      const auto resume = decodeResume(payloadOf(frame));
      REQUIRE(resume.ok());
      CHECK(resume.value().position == position);
      CHECK(resume.value().ageMs == 0xfffffffe);
      CHECK(resume.value().open.port == 80);
      CHECK(resume.value().open.host == host);
      CHECK(resume.value().open.id == idOf(kId));
      CHECK(resume.value().open.patience == 600);
    }
  }
  const std::string fixed = "0000000000000001 00000002";
  for (const std::string& wrong : {std::string{}, fixed.substr(0, 19), fixed, fixed + "0050", fixed + "0050" + std::string{kNoId}.substr(0, 35),
                                   fixed + "0000" + kNoId, fixed + "0050" + kNoId + "20"}) {
    INFO(wrong);
    const auto resume = decodeResume(bytes(wrong));
    REQUIRE_FALSE(resume.ok());
    CHECK(resume.error().errc() == Errc::protocol_error);
  }
  CHECK(decodeResume(bytes(fixed + "0050" + kNoId)).ok());
  std::vector<std::uint8_t> longest(12 + 20 + 256, 'h');
  CHECK_FALSE(decodeResume(longest).ok());
  longest.pop_back();
  CHECK(decodeResume(longest).ok());
}

TEST_CASE("REJECT both ways", "[wire][carrier]") {
  for (const Errc code :
       {Errc::protocol_error, Errc::target_refused, Errc::target_unreachable, Errc::not_allowed, Errc::limit_reached}) {
    const auto frame = encodeReject(code, "because é");
    const auto reject = decodeReject(payloadOf(frame));
    REQUIRE(reject.ok());
    CHECK(reject.value().code == code);
    CHECK(reject.value().reason == "because é");
  }
  CHECK_FALSE(decodeReject({}).ok());
  CHECK_FALSE(decodeReject(bytes("00")).ok());
  // Codes of a later version, and local ones that should not travel.
  for (const char* unknown : {"0000", "0002", "ffff", "1388"})
    CHECK(decodeReject(bytes(unknown)).value().code == Errc::protocol_error);
  CHECK(decodeReject(std::vector<std::uint8_t>(512, 'r')).value().reason.size() == 255);
}

TEST_CASE("texts too long for a frame are cut between characters", "[wire][carrier]") {
  CHECK(encodeReject(Errc::not_allowed, std::string(300, 'r')).size() == kFrameHeaderSize + 2 + 255);
  const auto reject = decodeReject(payloadOf(encodeReject(Errc::not_allowed, std::string(254, 'r') + "é")));
  CHECK(reject.value().reason == std::string(254, 'r'));
  CHECK(decodeOpen(payloadOf(encodeOpen({1, std::string(300, 'h')}, 0))).value().host == std::string(255, 'h'));
  CHECK(decodeResume(payloadOf(encodeResume({{1, std::string(300, 'h')}, 0, 0}, 0))).value().open.host == std::string(255, 'h'));
}
