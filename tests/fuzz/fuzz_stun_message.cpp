// STUN messages: what is read is written and read again; whatever stands in them, nothing breaks.
#include <vector>

#include "base/bytes.hpp"
#include "fuzz_input.hpp"
#include "stun/fingerprint.hpp"
#include "stun/message.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

namespace {

void message(std::span<const std::uint8_t> datagram) {
  const auto read = stun::decodeAny(datagram);
  expect(!stun::decode(datagram) || read.ok(), "a message with the cookie that is none without");
  if (!read) return;
  expect(datagram.size() % 4 == 0 && datagram[0] < 0x40, "another protocol's datagram");
  const stun::Message& m = read.value();
  expect(m.notUnderstood.size() <= stun::kMaxAttributes, "more attributes than there may be");
  for (const auto type : m.notUnderstood) expect(stun::mustBeUnderstood(type), "an attribute that may be ignored");
  expect(!m.errorCode || (m.errorCode->code >= 300 && m.errorCode->code < 700), "an error code that is none");

  stun::Message plain = m;
  plain.hasFingerprint = plain.hasIntegrity = plain.hasIntegritySha256 = false;
  plain.notUnderstood.clear();
  const auto key = stun::keyOf("key");
  expect(!m.hasIntegrity || !stun::verifyIntegrity(datagram, stun::Integrity::sha1, key) || datagram.size() >= 44,
         "integrity without room for it");
  for (const auto integrity : {stun::Integrity::none, stun::Integrity::both}) {
    const auto bytes = stun::encode(m, {integrity, key, true});
    if (bytes.size() > 65'507) return;
    const auto again = stun::decodeAny(bytes);
    expect(again.ok() && again->hasFingerprint, "a message of ours that we do not read");
    stun::Message back = again.value();
    expect(back.hasIntegrity == (integrity == stun::Integrity::both), "integrity that is lost, or invented");
    expect(stun::verifyIntegrity(bytes, stun::Integrity::both, key) == back.hasIntegrity,
           "integrity that does not fit");
    back.hasFingerprint = back.hasIntegrity = back.hasIntegritySha256 = false;
    expect(back == plain, "a message that changed");
  }
}

/// The input as attributes: with a header that fits, and a fingerprint, which no fuzzer guesses.
void attributes(std::span<const std::uint8_t> body) {
  std::vector<std::uint8_t> datagram(stun::kHeaderSize);
  storeU16(&datagram[0], 0x0101);
  storeU32(&datagram[4], stun::kMagicCookie);
  datagram.insert(datagram.end(), body.begin(), body.end());
  datagram.resize((datagram.size() + 3) / 4 * 4);
  if (datagram.size() > 65'500) return;
  storeU16(&datagram[2], static_cast<std::uint16_t>(datagram.size() - stun::kHeaderSize));
  message(datagram);
  storeU16(&datagram[2], static_cast<std::uint16_t>(datagram.size() + 8 - stun::kHeaderSize));
  const std::uint32_t fingerprint = stun::fingerprintOf(datagram);
  const std::size_t at = datagram.size();
  datagram.resize(at + 8);
  storeU16(&datagram[at], 0x8028);
  storeU16(&datagram[at + 2], 4);
  storeU32(&datagram[at + 4], fingerprint);
  message(datagram);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> input{data, size};
  if (size > 0 && data[0] == 0xff) {
    attributes(input.subspan(1));
  } else {
    message(input);
  }
  return 0;
}
