// A carrier's frames, as a stream.
#include "base/bytes.hpp"
#include "fuzz_input.hpp"
#include "wire/carrier_frame.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  while (input.rest().size() >= wire::kFrameHeaderSize) {
    const auto frame = input.rest();
    const auto header = wire::decodeHeader(input.take(wire::kFrameHeaderSize).first<wire::kFrameHeaderSize>());
    if (!header) {
      expect(header.error().errc() == Errc::protocol_error, "another error than protocol_error");
      return 0;
    }
    const std::size_t length = header.value().length;
    const bool isData = header.value().type == wire::FrameType::data;
    expect(length <= (isData ? wire::kMaxData : wire::kMaxFramePayload), "a frame that is too long");
    const auto payload = input.take(length);
    if (payload.size() < length) return 0;
    const auto whole = frame.first(wire::kFrameHeaderSize + length);
    wire::FrameBytes again;
    switch (header.value().type) {
      case wire::FrameType::open:
        if (const auto open = wire::decodeOpen(payload)) again = wire::encodeOpen(open.value(), header.value().flags);
        break;
      case wire::FrameType::resume:
        if (const auto resume = wire::decodeResume(payload)) again = wire::encodeResume(resume.value(), header.value().flags);
        break;
      case wire::FrameType::accept:
      case wire::FrameType::fin:
      case wire::FrameType::reset:
      case wire::FrameType::switchOver: {
        const auto bare = wire::encodeBare(header.value().type);
        again.assign(bare.begin(), bare.end());
        again[1] = header.value().flags;
        break;
      }
      case wire::FrameType::ack:
      case wire::FrameType::resumed: {
        const auto position = wire::encodePosition(header.value().type, loadU64(payload.data()), header.value().flags);
        again.assign(position.begin(), position.end());
        break;
      }
      case wire::FrameType::window:
      case wire::FrameType::ackEvery: {
        const auto count = wire::encodeCount(header.value().type, loadU32(payload.data()));
        again.assign(count.begin(), count.end());
        again[1] = header.value().flags;
        break;
      }
      case wire::FrameType::data: {
        const auto back = wire::encodeDataHeader(length);
        expect(std::equal(back.begin(), back.end(), whole.begin()), "a DATA header that changed");
        break;
      }
      case wire::FrameType::seal:
        if (const auto seal = wire::decodeSeal(payload)) {
          again = wire::encodeSeal(seal.value());
          again[1] = header.value().flags;
        }
        break;
      case wire::FrameType::reject: {
        const auto reject = wire::decodeReject(payload);
        expect(reject.ok(), "a REJECT that passed its header and not its decoder");
        const auto sent = wire::encodeReject(reject.value().code, reject.value().reason);
        const auto back = wire::decodeReject(std::span{sent}.subspan(wire::kFrameHeaderSize));
        expect(back.ok() && back.value().reason == reject.value().reason && back.value().code == reject.value().code,
               "a REJECT that changed");
        break;
      }
      case wire::FrameType::ping:
      case wire::FrameType::pong:
        again = wire::encodePing(header.value().type, payload.first<wire::kPingSize>());
        again[1] = header.value().flags;
        break;
    }
    if (!again.empty())
      expect(std::equal(again.begin(), again.end(), whole.begin(), whole.end()), "a frame that changed");
  }
  return 0;
}
