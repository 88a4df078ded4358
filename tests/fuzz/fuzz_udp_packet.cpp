// Relayed datagrams: packets, binds and fragments.
#include <vector>

#include "fuzz_input.hpp"
#include "wire/udp_fragment.hpp"
#include "wire/udp_packet.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

namespace {

template <class Bytes>
bool same(const Bytes& a, std::span<const std::uint8_t> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

/// The input as one datagram.
void packet(std::span<const std::uint8_t> datagram) {
  const auto packet = wire::decodeUdpPacket(datagram);
  if (!packet) return;
  expect(static_cast<std::uint32_t>(packet->session) >> 29 == 4, "a session number without 100 at its top");
  std::vector<std::uint8_t> again(wire::kUdpHeaderSize);
  wire::encodeUdpHeader(std::span{again}.first<wire::kUdpHeaderSize>(), packet->session, packet->fragment,
                        packet->payload.size());
  again.insert(again.end(), packet->payload.begin(), packet->payload.end());
  expect(same(again, datagram), "a packet that changed");
  const auto bind = wire::decodeBind(packet->payload);
  const auto bound = wire::decodeBound(packet->payload);
  expect(!bind || !bound, "a bind that is a bound");
  if (packet->session == wire::kUdpControl && !packet->fragment) {
    if (bind) expect(same(wire::encodeBind(*bind), datagram), "a bind that changed");
    if (bound) expect(same(wire::encodeBound(*bound), datagram), "a bound that changed");
  }
  wire::Reassembly reassembly;
  if (const auto whole = reassembly.add(packet->payload))
    expect(whole->size() <= wire::kMaxDatagram, "a datagram too long");
}

/// The input as a list of fragments, good ones and bad ones.
void fragments(Input input) {
  wire::Reassembly reassembly;
  bool lied = false;
  for (int i = 0; i < 40 && !input.empty(); ++i) {
    const std::size_t what = input.byte();
    const auto id = static_cast<std::uint16_t>(what >> 4);
    std::vector<std::uint8_t> datagram(input.below(wire::kMaxDatagram) + 1, static_cast<std::uint8_t>(id));
    datagram.back() = static_cast<std::uint8_t>(datagram.size());
    auto parts = wire::splitDatagram(datagram, id);
    auto& part = parts[what % 2 % parts.size()];
    const bool honest = (what & 2) != 0;
    if (!honest) {
      lied = true;
      const std::size_t at = input.below(wire::kFragmentHeaderSize);
      part[at] = static_cast<std::uint8_t>(input.byte());
      if ((what & 4) != 0) part.resize(input.below(part.size()));
    }
    const auto whole = reassembly.add(part);
    if (!whole) continue;
    expect(!whole->empty() && whole->size() <= wire::kMaxDatagram, "a datagram of a wrong size");
    // Nobody can tell what a liar sent; without one, a datagram is what was cut.
    if (!lied && whole->size() > 1) expect(same(std::span{datagram}, *whole), "a datagram that changed");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  if (size > 0 && data[0] < 0x80) {
    input.byte();
    fragments(input);
  } else {
    packet(input.rest());
  }
  return 0;
}
