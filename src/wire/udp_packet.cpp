#include "wire/udp_packet.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace chuantou::wire {

namespace {
constexpr std::uint8_t kTypeBind = 1;
constexpr std::uint8_t kTypeBound = 2;
}  // namespace

std::optional<UdpPacket> decodeUdpPacket(std::span<const std::uint8_t> datagram) {
  if (datagram.size() < kUdpHeaderSize) return std::nullopt;
  const std::uint32_t word = loadU32(datagram.data());
  if ((word & ~(kUdpSessionMask | kUdpFragmentBit)) != kUdpSessionBase) return std::nullopt;
  if (loadU16(&datagram[4]) != datagram.size() - kUdpHeaderSize) return std::nullopt;
  return UdpPacket{UdpSession{word & ~kUdpFragmentBit}, (word & kUdpFragmentBit) != 0, datagram.subspan(kUdpHeaderSize)};
}

void encodeUdpHeader(std::span<std::uint8_t, kUdpHeaderSize> out, UdpSession session, bool fragment, std::size_t payload) {
  storeU32(out.data(), static_cast<std::uint32_t>(session) | (fragment ? kUdpFragmentBit : 0));
  storeU16(&out[4], static_cast<std::uint16_t>(payload));
}

std::array<std::uint8_t, kBindSize> encodeBind(const Bind& bind) {
  std::array<std::uint8_t, kBindSize> out{};
  encodeUdpHeader(std::span{out}.first<kUdpHeaderSize>(), kUdpControl, false, kBindSize - kUdpHeaderSize);
  out[kUdpHeaderSize] = kTypeBind;
  storeU32(&out[kUdpHeaderSize + 1], static_cast<std::uint32_t>(bind.session));
  std::copy(bind.key.bytes.begin(), bind.key.bytes.end(), out.begin() + kUdpHeaderSize + 5);
  return out;
}

std::array<std::uint8_t, kBoundSize> encodeBound(UdpSession session) {
  std::array<std::uint8_t, kBoundSize> out{};
  encodeUdpHeader(std::span{out}.first<kUdpHeaderSize>(), kUdpControl, false, kBoundSize - kUdpHeaderSize);
  out[kUdpHeaderSize] = kTypeBound;
  storeU32(&out[kUdpHeaderSize + 1], static_cast<std::uint32_t>(session));
  return out;
}

std::optional<Bind> decodeBind(std::span<const std::uint8_t> payload) {
  if (payload.size() != kBindSize - kUdpHeaderSize || payload[0] != kTypeBind) return std::nullopt;
  Bind bind;
  bind.session = UdpSession{loadU32(&payload[1])};
  std::copy(payload.begin() + 5, payload.end(), bind.key.bytes.begin());
  return bind;
}

std::optional<UdpSession> decodeBound(std::span<const std::uint8_t> payload) {
  if (payload.size() != kBoundSize - kUdpHeaderSize || payload[0] != kTypeBound) return std::nullopt;
  return UdpSession{loadU32(&payload[1])};
}

}  // namespace chuantou::wire
