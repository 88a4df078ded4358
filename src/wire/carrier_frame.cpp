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

/// Port, session and nonce.
constexpr std::size_t kSealFixed = 2 + 8 + 16;

/// What no host's name has.
bool isHost(std::span<const std::uint8_t> host) {
  return std::none_of(host.begin(), host.end(), [](std::uint8_t c) { return c <= ' ' || c == 0x7f; });
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

FrameBytes encodeSeal(const SealFrame& seal) {
  const std::size_t host = std::min(seal.host.size(), kMaxHost);
  FrameBytes out = frame(FrameType::seal, 0, kSealFixed + host);
  std::uint8_t* at = &out[kFrameHeaderSize];
  storeU16(at, seal.port);
  storeU64(at + 2, static_cast<std::uint64_t>(seal.session));
  std::copy(seal.nonce.begin(), seal.nonce.end(), at + 10);
  std::copy_n(seal.host.begin(), host, at + kSealFixed);
  return out;
}

std::array<std::uint8_t, 24> sealContext(const SealFrame& seal) {
  std::array<std::uint8_t, 24> out{};
  storeU64(out.data(), static_cast<std::uint64_t>(seal.session));
  std::copy(seal.nonce.begin(), seal.nonce.end(), out.begin() + 8);
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
  if (!isHost(payload.subspan(2))) return bad("an OPEN with a host that no host can have");
  open.host.assign(payload.begin() + 2, payload.end());
  return open;
}

Result<SealFrame> decodeSeal(std::span<const std::uint8_t> payload) {
  if (payload.size() < kSealFixed || payload.size() > kSealFixed + kMaxHost) return bad("a SEAL of a wrong length");
  SealFrame seal;
  seal.port = loadU16(payload.data());
  if (seal.port == 0) return bad("a SEAL of port 0");
  seal.session = SessionId{loadU64(payload.data() + 2)};
  std::copy_n(payload.begin() + 10, seal.nonce.size(), seal.nonce.begin());
  if (!isHost(payload.subspan(kSealFixed))) return bad("a SEAL with a host that no host can have");
  seal.host.assign(payload.begin() + kSealFixed, payload.end());
  return seal;
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
