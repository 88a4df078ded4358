#include "stream/replay_buffer.hpp"

#include <algorithm>

namespace chuantou::stream {

namespace {
/// Fewer bytes are copied: a chunk for each keystroke would be too much.
constexpr std::size_t kWorthAChunk = 16 * 1024;
/// When memory is short, chunks have to be worth their size too.
constexpr std::size_t kWorthAChunkWhenTight = ChunkPool::kChunk / 2;
/// Where they are gathered.
constexpr std::size_t kSmallPiece = 1024;
}  // namespace

std::span<std::uint8_t> ReplayBuffer::appendSpare(std::size_t bytes) {
  ChunkPool::Memory& spare = pool_.spare();
  const std::span<std::uint8_t> kept{spare.get() + ChunkPool::kRoom, bytes};
  if (bytes < (pool_.tight() ? kWorthAChunkWhenTight : kWorthAChunk)) {
    append(kept);
    return kept;
  }
  pieces_.push_back(Piece{std::move(spare), end_, ChunkPool::kRoom, bytes, bytes, true});
  pool_.add(ChunkPool::kChunk);
  end_ += bytes;
  return kept;
}

void ReplayBuffer::append(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    if (pieces_.empty() || pieces_.back().size == pieces_.back().capacity) {
      const std::size_t capacity = std::max(bytes.size(), kSmallPiece);
      pieces_.push_back(Piece{ChunkPool::Memory{new std::uint8_t[capacity]}, end_, 0, 0, capacity, false});
      pool_.add(capacity);
    }
    Piece& piece = pieces_.back();
    const std::size_t n = std::min(bytes.size(), piece.capacity - piece.size);
    std::copy_n(bytes.begin(), n, piece.memory.get() + piece.offset + piece.size);
    piece.size += n;
    end_ += n;
    bytes = bytes.subspan(n);
  }
}

void ReplayBuffer::giveBack(Piece& piece) {
  pool_.remove(piece.pooled ? ChunkPool::kChunk : piece.capacity);
  if (piece.pooled) pool_.give(std::move(piece.memory));
}

void ReplayBuffer::dropTo(std::uint64_t position) {
  begin_ = std::max(begin_, std::min(position, end_));
  std::size_t done = 0;
  while (done < pieces_.size() && pieces_[done].position + pieces_[done].size <= begin_) giveBack(pieces_[done++]);
  if (done == pieces_.size()) return std::vector<Piece>{}.swap(pieces_);
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(done));
}

std::span<const std::uint8_t> ReplayBuffer::from(std::uint64_t position) const {
  if (position < begin_ || position >= end_) return {};
  // The position that is asked for is nearly always in the last piece, or in the first after a resumption.
  auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), position,
                                [](std::uint64_t wanted, const Piece& one) { return wanted < one.position; });
  --piece;
  const auto within = static_cast<std::size_t>(position - piece->position);
  return {piece->memory.get() + piece->offset + within, piece->size - within};
}

void ReplayBuffer::clear() {
  for (Piece& piece : pieces_) giveBack(piece);
  std::vector<Piece>{}.swap(pieces_);
  begin_ = end_;
}

}  // namespace chuantou::stream
