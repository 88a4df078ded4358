// What a stream has sent and the other end has not acknowledged, to be sent again if the carrier dies.
#pragma once

#include <span>

#include "stream/chunk_pool.hpp"

namespace chuantou::stream {

/// Positions count the stream's bytes from its first. Holds no memory when everything has been acknowledged.
class ReplayBuffer {
 public:
  explicit ReplayBuffer(ChunkPool& pool) : pool_(pool) {}
  ~ReplayBuffer() { clear(); }
  ReplayBuffer(const ReplayBuffer&) = delete;
  ReplayBuffer& operator=(const ReplayBuffer&) = delete;

  /// Keeps the first bytes of the pool's spare chunk (after its room). They stay readable there or in the buffer until
  /// the next call of any stream of the pool.
  std::span<std::uint8_t> appendSpare(std::size_t bytes);
  void append(std::span<const std::uint8_t> bytes);
  /// The bytes before the position are needed no more.
  void dropTo(std::uint64_t position);
  /// Bytes from a position on, some or all of them; none where there are none.
  std::span<const std::uint8_t> from(std::uint64_t position) const;
  void clear();

  std::uint64_t begin() const noexcept { return begin_; }
  std::uint64_t end() const noexcept { return end_; }
  std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - begin_); }

 private:
  struct Piece {
    ChunkPool::Memory memory;
    std::uint64_t position;  ///< of its first byte
    std::size_t offset;      ///< of that byte in the memory
    std::size_t size;
    std::size_t capacity;  ///< of bytes after the offset
    bool pooled;
  };
  void giveBack(Piece& piece);

  ChunkPool& pool_;
  std::vector<Piece> pieces_;  ///< few: what is not small is in chunks
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace chuantou::stream
