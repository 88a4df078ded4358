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

/// Port, id and patience.
constexpr std::size_t kOpenFixed = 2 + 16 + 2;
/// Position and age, before what OPEN has.
constexpr std::size_t kResumeFixed = 8 + 4;
/// Port, session and nonce.
constexpr std::size_t kSealFixed = 2 + 8 + 16;

/// What no host's name has.
bool isHost(std::span<const std::uint8_t> host) {
  return std::none_of(host.begin(), host.end(), [](std::uint8_t c) { return c <= ' ' || c == 0x7f; });
}

std::size_t hostSize(const OpenFrame& open) { return std::min(open.host.size(), kMaxHost); }

void storeOpen(std::uint8_t* at, const OpenFrame& open) {
  storeU16(at, open.port);
  std::copy(open.id.bytes.begin(), open.id.bytes.end(), at + 2);
  storeU16(at + 18, open.patience);
  std::copy_n(open.host.begin(), hostSize(open), at + kOpenFixed);
}

Error bad(const char* what) { return Error{Errc::protocol_error, "the peer", what}; }

}  // namespace

FrameBytes encodeOpen(const OpenFrame& open, std::uint8_t flags) {
  FrameBytes out = frame(FrameType::open, flags, kOpenFixed + hostSize(open));
  storeOpen(&out[kFrameHeaderSize], open);
  return out;
}

FrameBytes encodeResume(const ResumeFrame& resume, std::uint8_t flags) {
  FrameBytes out = frame(FrameType::resume, flags, kResumeFixed + kOpenFixed + hostSize(resume.open));
  storeU64(&out[kFrameHeaderSize], resume.position);
  storeU32(&out[kFrameHeaderSize + 8], resume.ageMs);
  storeOpen(&out[kFrameHeaderSize + kResumeFixed], resume.open);
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

std::array<std::uint8_t, kFrameHeaderSize> encodeBare(FrameType type) { return {static_cast<std::uint8_t>(type), 0, 0, 0}; }

std::array<std::uint8_t, kFrameHeaderSize + kPositionSize> encodePosition(FrameType type, std::uint64_t position, std::uint8_t flags) {
  std::array<std::uint8_t, kFrameHeaderSize + kPositionSize> out{static_cast<std::uint8_t>(type), flags, 0, kPositionSize};
  storeU64(&out[kFrameHeaderSize], position);
  return out;
}

std::array<std::uint8_t, kFrameHeaderSize + 4> encodeCount(FrameType type, std::uint32_t bytes) {
  std::array<std::uint8_t, kFrameHeaderSize + 4> out{static_cast<std::uint8_t>(type), 0, 0, 4};
  storeU32(&out[kFrameHeaderSize], bytes);
  return out;
}

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
  if (bytes[0] < static_cast<std::uint8_t>(FrameType::open) || bytes[0] > static_cast<std::uint8_t>(FrameType::ackEvery)) {
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
  switch (header.type) {
    case FrameType::open:
    case FrameType::reject:
    case FrameType::resume:
    case FrameType::seal:
      if (header.length < 2) return bad("a frame that is too short");
      break;
    case FrameType::ping:
    case FrameType::pong:
      if (header.length != kPingSize) return bad("a ping of a wrong length");
      break;
    case FrameType::ack:
    case FrameType::resumed:
      if (header.length != kPositionSize) return bad("a position of a wrong length");
      break;
    case FrameType::window:
    case FrameType::ackEvery:
      if (header.length != 4) return bad("a count of a wrong length");
      break;
    default:
      if (header.length != 0) return bad("a payload where there is none");
  }
  return header;
}

Result<OpenFrame> decodeOpen(std::span<const std::uint8_t> payload) {
  if (payload.size() < kOpenFixed || payload.size() > kOpenFixed + kMaxHost) return bad("an OPEN of a wrong length");
  OpenFrame open;
  open.port = loadU16(payload.data());
  if (open.port == 0) return bad("an OPEN of port 0");
  std::copy_n(payload.begin() + 2, open.id.bytes.size(), open.id.bytes.begin());
  open.patience = loadU16(payload.data() + 18);
  if (!isHost(payload.subspan(kOpenFixed))) return bad("an OPEN with a host that no host can have");
  open.host.assign(payload.begin() + kOpenFixed, payload.end());
  return open;
}

Result<ResumeFrame> decodeResume(std::span<const std::uint8_t> payload) {
  if (payload.size() < kResumeFixed) return bad("a RESUME of a wrong length");
  auto open = decodeOpen(payload.subspan(kResumeFixed));
  if (!open) return open.error();
  return ResumeFrame{std::move(*open), loadU64(payload.data()), loadU32(payload.data() + 8)};
}

Result<SealFrame> decodeSeal(std::span<const std::uint8_t> payload) {
  if (payload.size() < kSealFixed || payload.size() > kSealFixed + kMaxHost) return bad("a SEAL of a wrong length");
  SealFrame seal;
  seal.port = loadU16(payload.data());
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
