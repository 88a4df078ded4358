#include "nat/probe_codec.hpp"

#include <catch2/catch.hpp>

#include "nat/nat_simulator.hpp"

using namespace chuantou;
using namespace chuantou::nat;
using nat::test::at;

namespace {

stun::Message requestOf(const std::vector<std::uint8_t>& bytes) {
  auto message = stun::decode(bytes);
  REQUIRE(message.ok());
  return message.value();
}

stun::Message answerTo(const stun::Message& request) {
  stun::Message answer;
  answer.kind = stun::MessageClass::success;
  answer.id = request.id;
  answer.xorMappedAddress = at("203.0.113.1:4000");
  return answer;
}

}  // namespace

TEST_CASE("a probe is a Binding request that asks for what it should", "[nat]") {
  chuantou::test::SeededRandom random{1};
  ProbeCodec codec{random};
  Probe probe;
  const stun::Message plain = requestOf(codec.encode(probe));
  CHECK(plain.kind == stun::MessageClass::request);
  CHECK(plain.method == stun::Method::binding);
  CHECK_FALSE(plain.changeRequest);
  CHECK_FALSE(plain.responsePort);
  CHECK(codec.encode(probe).size() == stun::kHeaderSize);
  probe.changeAddress = true;
  probe.responsePort = 4001;
  const stun::Message changed = requestOf(codec.encode(probe));
  CHECK(changed.changeRequest == stun::ChangeRequest{true, false});
  CHECK(changed.responsePort == 4001);
  CHECK(changed.id != plain.id);
}

TEST_CASE("what comes is told apart", "[nat]") {
  chuantou::test::SeededRandom random{1};
  ProbeCodec codec{random};
  Probe probe;
  probe.id = 7;
  const auto sent = codec.encode(probe);
  const stun::Message request = requestOf(sent);
  const UdpAddress from = at("198.51.100.1:3478");
  const auto meaning = [&](const stun::Message& message) { return codec.decode(3, from, stun::encode(message)); };

  SECTION("an answer") {
    stun::Message answer = answerTo(request);
    answer.otherAddress = at("198.51.100.2:3479");
    const auto got = meaning(answer);
    const auto* answered = std::get_if<ProbeCodec::Answered>(&got);
    REQUIRE(answered);
    CHECK(answered->answer.id == 7);
    CHECK(answered->answer.socket == 3);
    CHECK(answered->answer.from == from);
    CHECK(answered->answer.mapped == at("203.0.113.1:4000"));
    CHECK(answered->answer.other == at("198.51.100.2:3479"));
  }
  SECTION("an answer of an old server") {
    stun::Message answer = answerTo(request);
    answer.xorMappedAddress.reset();
    answer.mappedAddress = at("203.0.113.1:4000");
    answer.changedAddress = at("198.51.100.2:3479");
    const auto got = meaning(answer);
    const auto* answered = std::get_if<ProbeCodec::Answered>(&got);
    REQUIRE(answered);
    CHECK(answered->answer.mapped == at("203.0.113.1:4000"));
    CHECK(answered->answer.other == at("198.51.100.2:3479"));
  }
  SECTION("an error") {
    stun::Message error = answerTo(request);
    error.kind = stun::MessageClass::error;
    error.errorCode = stun::ErrorCode{420, "no"};
    const auto got = meaning(error);
    const auto* refused = std::get_if<ProbeCodec::Refused>(&got);
    REQUIRE(refused);
    CHECK(refused->id == 7);
  }
  SECTION("the probe itself") {
    const auto got = codec.decode(4, from, sent);
    const auto* arrived = std::get_if<ProbeCodec::Arrived>(&got);
    REQUIRE(arrived);
    CHECK(arrived->id == 7);
    CHECK(arrived->socket == 4);
  }
  SECTION("nothing of ours") {
    const auto isNothing = [](const ProbeCodec::Meaning& m) { return std::holds_alternative<std::monostate>(m); };
    stun::Message answer = answerTo(request);
    answer.id.bytes[5] ^= 1;
    CHECK(isNothing(meaning(answer)));
    stun::Message stranger = request;
    stranger.id.bytes[0] ^= 1;
    CHECK(isNothing(meaning(stranger)));
    stun::Message empty = answerTo(request);
    empty.xorMappedAddress.reset();
    CHECK(isNothing(meaning(empty)));
    stun::Message indication = answerTo(request);
    indication.kind = stun::MessageClass::indication;
    CHECK(isNothing(meaning(indication)));
    const std::vector<std::uint8_t> garbage(40, 0x11);
    CHECK(isNothing(codec.decode(0, from, garbage)));
    CHECK(isNothing(codec.decode(0, from, {})));
  }
}
