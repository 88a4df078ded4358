#include "wire/udp_fragment.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "wire/udp_packet.hpp"

namespace chuantou::wire {

std::vector<std::vector<std::uint8_t>> splitDatagram(std::span<const std::uint8_t> datagram, std::uint16_t id) {
  std::vector<std::vector<std::uint8_t>> out;
  for (std::size_t offset = 0; offset < datagram.size(); offset += kFragmentBytes) {
    const auto part = datagram.subspan(offset, std::min(kFragmentBytes, datagram.size() - offset));
    std::vector<std::uint8_t> payload(kFragmentHeaderSize + part.size());
    storeU16(&payload[0], id);
    storeU16(&payload[2], static_cast<std::uint16_t>(datagram.size()));
    storeU16(&payload[4], static_cast<std::uint16_t>(offset));
    std::copy(part.begin(), part.end(), payload.begin() + kFragmentHeaderSize);
    out.push_back(std::move(payload));
  }
  return out;
}

std::optional<std::span<std::uint8_t>> Reassembly::add(std::span<const std::uint8_t> payload) {
  if (payload.size() <= kFragmentHeaderSize) return std::nullopt;
  const std::uint16_t id = loadU16(&payload[0]);
  const std::size_t total = loadU16(&payload[2]);
  const std::size_t offset = loadU16(&payload[4]);
  const auto part = payload.subspan(kFragmentHeaderSize);
  // Only the cuts that splitDatagram makes are taken, so that nothing overlaps.
  if (total > kMaxSealedDatagram || offset >= total || offset % kFragmentBytes != 0) return std::nullopt;
  if (part.size() != std::min(kFragmentBytes, total - offset)) return std::nullopt;

  if (!open_ || id != id_ || bytes_.size() != total) {
    open_ = true;
    id_ = id;
    bytes_.assign(total, 0);
    have_.assign((total + kFragmentBytes - 1) / kFragmentBytes, false);
  }
  std::copy(part.begin(), part.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
  have_[offset / kFragmentBytes] = true;
  if (std::find(have_.begin(), have_.end(), false) != have_.end()) return std::nullopt;
  open_ = false;
  return std::span<std::uint8_t>{bytes_};
}

}  // namespace chuantou::wire
