#include "nat/nat_pmp_message.hpp"

#include "base/bytes.hpp"

namespace chuantou::nat {

namespace {
constexpr std::uint8_t kVersion = 0;
constexpr std::uint8_t kResponse = 0x80;
constexpr std::uint8_t kAddress = 0;
constexpr std::uint8_t kMapUdp = 1;
constexpr std::uint8_t kMapTcp = 2;
constexpr std::size_t kHeader = 8;
constexpr std::size_t kAddressReply = 12;
constexpr std::size_t kMapReply = 16;
}  // namespace

std::array<std::uint8_t, 2> encodeNatPmpAddress() { return {kVersion, kAddress}; }

std::array<std::uint8_t, 12> encodeNatPmpMap(const NatPmpMap& map) {
  std::array<std::uint8_t, 12> out{};
  out[0] = kVersion;
  out[1] = map.transport == Transport::tcp ? kMapTcp : kMapUdp;
  storeU16(&out[4], map.internalPort);
  storeU16(&out[6], map.externalPort);
  storeU32(&out[8], static_cast<std::uint32_t>(map.lifetime.count()));
  return out;
}

std::optional<NatPmpReply> decodeNatPmpReply(std::span<const std::uint8_t> datagram) {
  if (datagram.size() < kHeader || datagram.size() > kMapReply) return std::nullopt;
  if (datagram[0] != kVersion || (datagram[1] & kResponse) == 0) return std::nullopt;
  const std::uint8_t opcode = datagram[1] & ~kResponse;
  if (opcode > kMapTcp) return std::nullopt;
  NatPmpReply out;
  out.result = NatPmpResult{loadU16(&datagram[2])};
  out.epoch = loadU32(&datagram[4]);
  const bool granted = out.result == NatPmpResult::success;
  if (opcode == kAddress) {
    if (granted && datagram.size() < kAddressReply) return std::nullopt;
    if (granted) out.address = IpAddress{IpAddress::V4{datagram[8], datagram[9], datagram[10], datagram[11]}};
    return out;
  }
  if (datagram.size() < kMapReply) return granted ? std::nullopt : std::optional{out};
  out.map = NatPmpMap{opcode == kMapTcp ? Transport::tcp : Transport::udp, loadU16(&datagram[8]),
                      loadU16(&datagram[10]), std::chrono::seconds{loadU32(&datagram[12])}};
  return out;
}

}  // namespace chuantou::nat
