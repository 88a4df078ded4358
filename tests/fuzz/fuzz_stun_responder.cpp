// The STUN responder: whatever comes from wherever, an answer goes back to that IP, is not much longer than what asked,
// is answered by nobody, and a source gets no more of them than it may.
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "fuzz_input.hpp"
#include "stun/responder.hpp"
#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

namespace {

constexpr std::size_t kPerMinute = 20;
const UdpAddress kPrimary{IpAddress{IpAddress::V4{192, 0, 2, 1}}, 8200};
const UdpAddress kOther{IpAddress{IpAddress::V4{192, 0, 2, 2}}, 8201};

IpAddress ipOf(std::size_t choice, bool v6) {
  if (v6)
    return IpAddress{
        IpAddress::V6{0x20, 1, 0xd, 0xb8, 0, 0, 0, static_cast<std::uint8_t>(choice), 0, 0, 0, 0, 0, 0, 0, 1}};
  return IpAddress{IpAddress::V4{203, 0, 113, static_cast<std::uint8_t>(choice)}};
}

/// A request with what the input wants of it.
std::vector<std::uint8_t> requestOf(Input& input) {
  stun::Message m;
  const std::size_t flags = input.byte();
  if ((flags & 1) != 0) m.changeRequest = stun::ChangeRequest{(flags & 2) != 0, (flags & 4) != 0};
  if ((flags & 8) != 0) m.padding = static_cast<std::uint16_t>(input.below(4'000));
  if ((flags & 16) != 0) m.responsePort = static_cast<std::uint16_t>(input.word());
  if ((flags & 32) != 0) m.cookie = static_cast<std::uint32_t>(input.word());
  if ((flags & 64) != 0) m.username = "somebody";
  auto datagram = stun::encode(m);
  const auto more = input.take(input.below(64) / 4 * 4);
  datagram.insert(datagram.end(), more.begin(), more.end());
  storeU16(&datagram[2], static_cast<std::uint16_t>(datagram.size() - stun::kHeaderSize));
  if ((flags & 128) == 0 || datagram.size() > 4'000) return datagram;
  const auto read = stun::decodeAny(datagram);
  return read ? stun::encode(read.value(), {stun::Integrity::sha1, stun::keyOf("k"), true}) : datagram;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  static test::SeededRandom random{1};
  stun::ResponderConfig config;
  config.maxPerMinute = kPerMinute;
  config.places = 256;
  if (input.byte() % 2 != 0) config.alternates = stun::ResponderConfig::Alternates{kPrimary, kOther};
  stun::Responder responder{config, random};
  const TimePoint start{std::chrono::hours{1}};
  TimePoint now = start;
  std::map<IpAddress, std::size_t> answersTo;
  for (int step = 0; step < 60 && !input.empty(); ++step) {
    const std::size_t what = input.byte();
    now += Millis{input.below(2'000)};
    const bool v6 = (what & 1) != 0;
    const UdpAddress from{ipOf(what >> 1 & 3, v6), static_cast<std::uint16_t>(input.word())};
    UdpAddress at = v6 ? UdpAddress{ipOf(9, true), 8200} : (what & 8) != 0 ? kPrimary : kOther;
    if ((what & 16) != 0) at.port = 8201;
    if ((what & 32) != 0) at.ip = v6 ? IpAddress{IpAddress::V6{}} : IpAddress{};
    std::vector<std::uint8_t> datagram;
    if ((what & 64) != 0) {
      datagram = requestOf(input);
    } else {
      const auto raw = input.take(input.below(200));
      datagram.assign(raw.begin(), raw.end());
    }
    const auto answer = responder.handle(now, from, at, datagram);
    if (!answer) continue;
    expect(stun::Responder::wants(datagram), "an answer to another protocol");
    expect(answer->to.ip == from.ip && answer->to.port != 0, "an answer to somebody else");
    expect(answer->bytes.size() <= datagram.size() + (v6 ? 96 : 48), "an answer that is too long");
    expect(answer->from.ip.isV6() == v6, "an answer from another family");
    const bool mayMove = config.alternates && !v6;
    expect(answer->from == at || mayMove, "an answer from an address that is not there");
    const auto read = stun::decodeAny(answer->bytes);
    expect(read.ok() && read->isResponse(), "an answer that is none");
    expect(std::equal(datagram.begin() + 4, datagram.begin() + 20, answer->bytes.begin() + 4), "another transaction");
    expect(!responder.handle(now, answer->to, at, answer->bytes), "an answer to an answer");
    const auto minutes = std::chrono::duration<double, std::ratio<60>>(now - start).count();
    expect(static_cast<double>(++answersTo[from.ip]) <= kPerMinute * (1 + minutes) + 1,
           "more answers than a source may get");
  }
  const auto& stats = responder.stats();
  expect(stats.answers + stats.refused <= stats.requests, "answers that nobody asked for");
  return 0;
}
