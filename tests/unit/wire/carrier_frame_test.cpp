#include "wire/carrier_frame.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "support/bytes.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using test::bytes;

namespace {

Result<FrameHeader> headerOf(const std::vector<std::uint8_t>& frame) {
  return decodeHeader(std::span<const std::uint8_t, kFrameHeaderSize>{frame.data(), kFrameHeaderSize});
}
std::span<const std::uint8_t> payloadOf(const std::vector<std::uint8_t>& frame) {
  return std::span{frame}.subspan(kFrameHeaderSize);
}

}  // namespace

TEST_CASE("carrier frames, byte for byte", "[wire][carrier]") {
  const std::array<std::uint8_t, 8> eight{1, 2, 3, 4, 5, 6, 7, 8};
  struct Row {
    FrameBytes frame;
    const char* bytes;  ///< type | flags | length | payload
  };
  const Row rows[] = {
      {encodeOpen({3000, ""}, 0), "01 | 00 | 00 02 | 0b b8"},
      {encodeOpen({3000, ""}, kFlagAnswerAtOnce), "01 | 01 | 00 02 | 0b b8"},
      {encodeOpen({65535, "db"}, 0), "01 | 00 | 00 04 | ff ff 64 62"},
      {encodeAccept(), "02 | 00 | 00 00 |"},
      {encodeReject(Errc::protocol_error, ""), "03 | 00 | 00 02 | 00 64"},
      {encodeReject(Errc::target_refused, "no"), "03 | 00 | 00 04 | 00 6a 6e 6f"},
      {encodeReject(Errc::limit_reached, ""), "03 | 00 | 00 02 | 00 6d"},
      {encodePing(FrameType::ping, eight), "04 | 00 | 00 08 | 01 02 03 04 05 06 07 08"},
      {encodePing(FrameType::pong, eight), "05 | 00 | 00 08 | 01 02 03 04 05 06 07 08"},
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
      {"00 00 0000", false}, {"06 00 0000", false}, {"ff 00 0000", false}, {"80 00 0002", false},
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
      const auto frame = encodeOpen({static_cast<std::uint16_t>(port), host}, 0);
      CHECK(frame.size() <= kFrameHeaderSize + kMaxFramePayload);
      const auto open = decodeOpen(payloadOf(frame));
      REQUIRE(open.ok());
      CHECK(open.value().port == port);
      CHECK(open.value().host == host);
    }
  }
  struct Row {
    const char* bytes;
    const char* why;
  };
  for (const Row& row : {Row{"", "length"}, Row{"00", "length"}, Row{"0000", "port 0"}, Row{"0000 6462", "port 0"},
                         Row{"0050 00", "host"}, Row{"0050 6120 62", "host"}, Row{"0050 0a", "host"},
                         Row{"0050 7f", "host"}, Row{"0050 611b", "host"}}) {
    INFO(row.bytes);
    const auto open = decodeOpen(bytes(row.bytes));
    REQUIRE_FALSE(open.ok());
    CHECK_THAT(open.error().detail(), Catch::Contains(row.why));
  }
  std::vector<std::uint8_t> longest(2 + 256, 'h');
  CHECK_FALSE(decodeOpen(longest).ok());
  longest.pop_back();
  CHECK(decodeOpen(longest).ok());
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
  CHECK(headerOf(encodeOpen({1, std::string(300, 'h')}, 0)).ok());
}
