#include "wire/carrier_frame.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/error_text.hpp"
#include "base/utf8.hpp"

namespace chuantou::wire {

namespace {

constexpr std::size_t kMaxHost = 255;
constexpr std::size_t kMaxRejectReason = 255;

FrameBytes frame(FrameType type, std::uint8_t flags, std::size_t payload) {
  FrameBytes out(kFrameHeaderSize + payload);
  out[0] = static_cast<std::uint8_t>(type);
  out[1] = flags;
  storeU16(&out[2], static_cast<std::uint16_t>(payload));
  return out;
}

Error bad(const char* what) { return Error{Errc::protocol_error, "the peer", what}; }

}  // namespace

FrameBytes encodeOpen(const OpenFrame& open, std::uint8_t flags) {
  const std::size_t host = std::min(open.host.size(), kMaxHost);
  FrameBytes out = frame(FrameType::open, flags, 2 + host);
  storeU16(&out[kFrameHeaderSize], open.port);
  std::copy_n(open.host.begin(), host, out.begin() + kFrameHeaderSize + 2);
  return out;
}

FrameBytes encodeAccept() { return frame(FrameType::accept, 0, 0); }

FrameBytes encodeReject(Errc code, std::string_view reason) {
  const std::string_view kept = cutUtf8(reason, kMaxRejectReason);
  FrameBytes out = frame(FrameType::reject, 0, 2 + kept.size());
  storeU16(&out[kFrameHeaderSize], static_cast<std::uint16_t>(code));
  std::copy(kept.begin(), kept.end(), out.begin() + kFrameHeaderSize + 2);
  return out;
}

FrameBytes encodeFin() { return frame(FrameType::fin, 0, 0); }
FrameBytes encodeReset() { return frame(FrameType::reset, 0, 0); }

std::array<std::uint8_t, kFrameHeaderSize> encodeDataHeader(std::size_t size) {
  return {static_cast<std::uint8_t>(FrameType::data), static_cast<std::uint8_t>(size >> 16),
          static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
}

FrameBytes encodePing(FrameType type, std::span<const std::uint8_t, kPingSize> payload) {
  FrameBytes out = frame(type, 0, kPingSize);
  std::copy(payload.begin(), payload.end(), out.begin() + kFrameHeaderSize);
  return out;
}

Result<FrameHeader> decodeHeader(std::span<const std::uint8_t, kFrameHeaderSize> bytes) {
  FrameHeader header;
  if (bytes[0] < static_cast<std::uint8_t>(FrameType::open) || bytes[0] > static_cast<std::uint8_t>(FrameType::seal)) {
    return bad("a frame of an unknown type");
  }
  header.type = static_cast<FrameType>(bytes[0]);
  header.flags = bytes[1];
  header.length = loadU16(&bytes[2]);
  if (header.type == FrameType::data) {
    header.length |= static_cast<std::uint32_t>(header.flags) << 16;
    header.flags = 0;
    if (header.length == 0) return bad("a DATA without bytes");
    return header;
  }
  if (header.length > kMaxFramePayload) return bad("a frame that is too long");
  const bool isPing = header.type == FrameType::ping || header.type == FrameType::pong;
  if (isPing && header.length != kPingSize) return bad("a ping of a wrong length");
  const bool isBare = header.type == FrameType::accept || header.type == FrameType::fin || header.type == FrameType::reset;
  if (isBare && header.length != 0) return bad("a payload where there is none");
  if ((header.type == FrameType::open || header.type == FrameType::reject) && header.length < 2) {
    return bad("a frame that is too short");
  }
  return header;
}

Result<OpenFrame> decodeOpen(std::span<const std::uint8_t> payload) {
  if (payload.size() < 2 || payload.size() > 2 + kMaxHost) return bad("an OPEN of a wrong length");
  OpenFrame open;
  open.port = loadU16(payload.data());
  if (open.port == 0) return bad("an OPEN of port 0");
  for (const std::uint8_t c : payload.subspan(2)) {
    if (c <= ' ' || c == 0x7f) return bad("an OPEN with a host that no host can have");
    open.host += static_cast<char>(c);
  }
  return open;
}

Result<RejectFrame> decodeReject(std::span<const std::uint8_t> payload) {
  if (payload.size() < 2) return bad("a REJECT of a wrong length");
  RejectFrame reject;
  reject.code = fromWireNumber(loadU16(payload.data()));
  const auto reason = payload.subspan(2, std::min(payload.size() - 2, kMaxRejectReason));
  reject.reason.assign(reason.begin(), reason.end());
  return reject;
}

}  // namespace chuantou::wire
