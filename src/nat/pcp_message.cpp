#include "nat/pcp_message.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace chuantou::nat {

namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kResponse = 0x80;
constexpr std::uint8_t kAnnounce = 0;
constexpr std::uint8_t kMap = 1;
constexpr std::size_t kHeader = 24;
constexpr std::size_t kMapBody = 36;
constexpr std::size_t kNonceAt = kHeader;
constexpr std::size_t kProtocolAt = kHeader + 12;
constexpr std::size_t kInternalPortAt = kHeader + 16;
constexpr std::size_t kExternalPortAt = kHeader + 18;
constexpr std::size_t kExternalAddressAt = kHeader + 20;
/// IANA's numbers of transports.
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void storeAddress(std::uint8_t* out, const IpAddress& address) {
  if (address.isV6()) {
    std::copy(address.v6().begin(), address.v6().end(), out);
    return;
  }
  const auto v4 = address.v4();
  std::copy(v4.begin(), v4.end(), std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), out));
}

IpAddress loadAddress(const std::uint8_t* in) {
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), in))
    return IpAddress{IpAddress::V4{in[12], in[13], in[14], in[15]}};
  IpAddress::V6 v6;
  std::copy(in, in + v6.size(), v6.begin());
  return IpAddress{v6};
}

std::vector<std::uint8_t> request(std::uint8_t opcode, std::chrono::seconds lifetime, const IpAddress& client,
                                  std::size_t body) {
  std::vector<std::uint8_t> out(kHeader + body);
  out[0] = kVersion;
  out[1] = opcode;
  storeU32(&out[4], static_cast<std::uint32_t>(lifetime.count()));
  storeAddress(&out[8], client);
  return out;
}

}  // namespace

std::vector<std::uint8_t> encodePcpAnnounce(const IpAddress& client) {
  return request(kAnnounce, std::chrono::seconds{0}, client, 0);
}

std::vector<std::uint8_t> encodePcpMap(const PcpMap& map, std::chrono::seconds lifetime, const IpAddress& client) {
  auto out = request(kMap, lifetime, client, kMapBody);
  std::copy(map.nonce.begin(), map.nonce.end(), &out[kNonceAt]);
  out[kProtocolAt] = map.transport == Transport::tcp ? kTcp : kUdp;
  storeU16(&out[kInternalPortAt], map.internalPort);
  storeU16(&out[kExternalPortAt], map.external.port);
  storeAddress(&out[kExternalAddressAt], map.external.address);
  return out;
}

std::optional<PcpReply> decodePcpReply(std::span<const std::uint8_t> datagram) {
  if (datagram.size() < kHeader || datagram.size() > kMaxPcpMessage || datagram.size() % 4 != 0) return std::nullopt;
  if (datagram[0] != kVersion || (datagram[1] & kResponse) == 0) return std::nullopt;
  const std::uint8_t opcode = datagram[1] & ~kResponse;
  if (opcode != kAnnounce && opcode != kMap) return std::nullopt;
  PcpReply out;
  out.result = PcpResult{datagram[3]};
  out.lifetime = std::chrono::seconds{loadU32(&datagram[4])};
  out.epoch = loadU32(&datagram[8]);
  if (opcode == kAnnounce) return out;
  if (datagram.size() < kHeader + kMapBody) return std::nullopt;
  const std::uint8_t protocol = datagram[kProtocolAt];
  if (protocol != kTcp && protocol != kUdp) return std::nullopt;
  PcpMap map;
  std::copy_n(&datagram[kNonceAt], map.nonce.size(), map.nonce.begin());
  map.transport = protocol == kTcp ? Transport::tcp : Transport::udp;
  map.internalPort = loadU16(&datagram[kInternalPortAt]);
  map.external = {loadAddress(&datagram[kExternalAddressAt]), loadU16(&datagram[kExternalPortAt])};
  out.map = map;
  return out;
}

}  // namespace chuantou::nat
