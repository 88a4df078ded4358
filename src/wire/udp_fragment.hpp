// Datagrams that do not fit into one with a header travel in fragments.
//
//     | id (2) | total (2) | offset (2) | bytes … |     the payload of a packet with the fragment bit
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace chuantou::wire {

inline constexpr std::size_t kFragmentHeaderSize = 6;
/// Bytes of a datagram in one fragment: two are enough for the longest.
inline constexpr std::size_t kFragmentBytes = 48'000;

/// The payloads of the fragment packets of one datagram.
std::vector<std::vector<std::uint8_t>> splitDatagram(std::span<const std::uint8_t> datagram, std::uint16_t id);

/// Puts one flow's fragments together, in any order; keeps one unfinished datagram, the newest.
class Reassembly {
 public:
  /// The whole datagram when this fragment was its last; it is valid until the next call.
  std::optional<std::span<std::uint8_t>> add(std::span<const std::uint8_t> payload);

 private:
  std::uint16_t id_ = 0;
  std::vector<std::uint8_t> bytes_;
  std::vector<bool> have_;  ///< by kFragmentBytes
  bool open_ = false;
};

}  // namespace chuantou::wire
