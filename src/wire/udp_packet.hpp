// Relayed datagrams (docs/PROTOCOL.md, section 6).
//
//     0                 4          6
//     +-----------------+----------+---------------------+
//     | session (4)     | length(2)| payload             |
//     +-----------------+----------+---------------------+
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ids.hpp"

namespace chuantou::wire {

inline constexpr std::size_t kUdpHeaderSize = 6;
/// The top three bits of a session number are 100; with the third set, the packet is a fragment.
inline constexpr std::uint32_t kUdpSessionBase = 0x8000'0000;
inline constexpr std::uint32_t kUdpSessionMask = 0x1fff'ffff;
inline constexpr std::uint32_t kUdpFragmentBit = 0x2000'0000;
/// The number by which a side speaks to the server itself.
inline constexpr UdpSession kUdpControl{kUdpSessionBase};
/// Datagrams of local programs, by the limit of UDP over IPv4 (65,535 - 20 - 8).
inline constexpr std::size_t kMaxDatagram = 65'507;
/// The same, sealed between the two clients.
inline constexpr std::size_t kMaxSealedDatagram = kMaxDatagram + 24;
/// Above this a payload is sent in fragments.
inline constexpr std::size_t kMaxWholePayload = 65'000;

/// The other side's number of the same session.
inline UdpSession peerOf(UdpSession session) { return UdpSession{static_cast<std::uint32_t>(session) ^ 1}; }

struct UdpPacket {
  UdpSession session{};
  bool fragment = false;
  std::span<const std::uint8_t> payload;  ///< into the datagram
};

/// Nothing for a datagram that is no relay packet, or whose length is not exactly what it says.
std::optional<UdpPacket> decodeUdpPacket(std::span<const std::uint8_t> datagram);
/// Writes the header of a packet whose payload follows it.
void encodeUdpHeader(std::span<std::uint8_t, kUdpHeaderSize> out, UdpSession session, bool fragment, std::size_t payload);

inline constexpr std::size_t kBindSize = kUdpHeaderSize + 1 + 4 + 16;
inline constexpr std::size_t kBoundSize = kUdpHeaderSize + 1 + 4;

struct Bind {
  UdpSession session{};
  DataKey key;
};
std::array<std::uint8_t, kBindSize> encodeBind(const Bind& bind);
std::array<std::uint8_t, kBoundSize> encodeBound(UdpSession session);
/// Of the payload of a packet of kUdpControl.
std::optional<Bind> decodeBind(std::span<const std::uint8_t> payload);
std::optional<UdpSession> decodeBound(std::span<const std::uint8_t> payload);

}  // namespace chuantou::wire
