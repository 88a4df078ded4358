#include "stream/replay_buffer.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "support/seeded_random.hpp"

using namespace chuantou;
using stream::ChunkPool;
using stream::ReplayBuffer;
using test::SeededRandom;
using test::testSeed;

namespace {

constexpr std::size_t kPlenty = std::size_t{1} << 30;

std::vector<std::uint8_t> numbered(std::uint64_t position, std::size_t size) {
  std::vector<std::uint8_t> out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>((position + i) % 251);
  return out;
}

/// As a program's bytes come: into the pool's spare chunk.
std::span<std::uint8_t> read(ChunkPool& pool, ReplayBuffer& buffer, std::size_t size) {
  const auto bytes = numbered(buffer.end(), size);
  std::copy(bytes.begin(), bytes.end(), pool.spare().get() + ChunkPool::kRoom);
  return buffer.appendSpare(size);
}

std::vector<std::uint8_t> all(const ReplayBuffer& buffer, std::uint64_t from) {
  std::vector<std::uint8_t> out;
  while (from + out.size() < buffer.end()) {
    const auto part = buffer.from(from + out.size());
    REQUIRE_FALSE(part.empty());
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

}  // namespace

TEST_CASE("an empty replay buffer has nothing at any position", "[stream][replay]") {
  ChunkPool pool{kPlenty};
  ReplayBuffer buffer{pool};
  CHECK(buffer.size() == 0);
  for (const std::uint64_t position : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    CHECK(buffer.from(position).empty());
    buffer.dropTo(position);
    CHECK(buffer.begin() == 0);
    CHECK(buffer.end() == 0);
  }
  buffer.clear();
  read(pool, buffer, 100);
  buffer.dropTo(60);
  CHECK(buffer.from(59).empty());
  CHECK(buffer.from(100).empty());
  CHECK(buffer.from(99).size() == 1);
  CHECK(buffer.from(60).size() == 40);
  buffer.dropTo(10);  // not back
  CHECK(buffer.begin() == 60);
  buffer.dropTo(1000);  // not beyond
  CHECK(buffer.begin() == 100);
  CHECK(buffer.from(100).empty());
  CHECK(pool.held() == 0);
}

TEST_CASE("few bytes are copied, many take their chunk with them", "[stream][replay]") {
  ChunkPool pool{kPlenty};
  ReplayBuffer buffer{pool};
  std::uint8_t* spare = pool.spare().get();
  auto kept = read(pool, buffer, 100);
  CHECK(kept.data() == spare + ChunkPool::kRoom);
  CHECK(pool.spare().get() == spare);
  CHECK(buffer.from(0).data() != kept.data());
  CHECK(pool.held() <= 1024);

  kept = read(pool, buffer, 16 * 1024);
  CHECK(kept.data() == spare + ChunkPool::kRoom);
  CHECK(buffer.from(100).data() == kept.data());
  CHECK(pool.spare().get() != spare);
  CHECK(pool.held() >= ChunkPool::kChunk);
  CHECK(all(buffer, 0) == numbered(0, 100 + 16 * 1024));
  buffer.dropTo(buffer.end());
  CHECK(pool.held() == 0);
}

TEST_CASE("when memory is short a chunk is not kept for a few bytes", "[stream][replay]") {
  ChunkPool pool{1000};
  ReplayBuffer full{pool};
  read(pool, full, ChunkPool::kChunk);
  REQUIRE(pool.tight());
  const std::size_t before = pool.held();
  ReplayBuffer buffer{pool};
  read(pool, buffer, 20000);
  CHECK(pool.held() == before + 20000);
  read(pool, buffer, ChunkPool::kChunk);
  CHECK(pool.held() == before + 20000 + ChunkPool::kChunk);
  CHECK(all(buffer, 0) == numbered(0, 20000 + ChunkPool::kChunk));
}

TEST_CASE("keystrokes share a piece", "[stream][replay]") {
  ChunkPool pool{kPlenty};
  ReplayBuffer buffer{pool};
  for (int i = 0; i < 1024; ++i) read(pool, buffer, 1);
  CHECK(pool.held() == 1024);
  CHECK(buffer.from(0).size() == 1024);
  read(pool, buffer, 1);
  CHECK(pool.held() == 2048);
  buffer.dropTo(1023);
  CHECK(pool.held() == 2048);
  buffer.dropTo(1024);
  CHECK(pool.held() == 1024);
  CHECK(all(buffer, 1024) == numbered(1024, 1));
}

TEST_CASE("memory is used again, the last first, and not hoarded", "[stream][replay]") {
  ChunkPool pool{kPlenty};
  {
    ReplayBuffer buffer{pool};
    for (int i = 0; i < 40; ++i) read(pool, buffer, ChunkPool::kChunk);
    CHECK(pool.held() == 40 * ChunkPool::kChunk);
    const auto* last = buffer.from(buffer.end() - 1).data() + 1 - ChunkPool::kChunk;
    buffer.dropTo(10 * ChunkPool::kChunk);
    CHECK(pool.held() == 30 * ChunkPool::kChunk);
    CHECK(buffer.from(10 * ChunkPool::kChunk).size() == ChunkPool::kChunk);
    CHECK(all(buffer, buffer.end() - 3) == numbered(buffer.end() - 3, 3));
    CHECK(last == buffer.from(39 * ChunkPool::kChunk).data());
  }
  CHECK(pool.held() == 0);
  auto memory = pool.take();
  const auto* at = memory.get();
  pool.give(std::move(memory));
  CHECK(pool.take().get() == at);
}

TEST_CASE("a replay buffer has what a plain text has", "[stream][replay][random]") {
  SeededRandom random{testSeed("replay buffer")};
  ChunkPool pool{random.below(2) == 0 ? 300 * 1024 : kPlenty};
  ReplayBuffer buffer{pool};
  for (int i = 0; i < 5000; ++i) {
    const std::size_t size = 1 + random.below(random.below(10) == 0 ? ChunkPool::kChunk : 3000);
    const std::uint64_t end = buffer.end();
    const auto kept = read(pool, buffer, size);
    REQUIRE(buffer.end() == end + size);
    REQUIRE(std::vector<std::uint8_t>(kept.begin(), kept.end()) == numbered(end, size));
    if (random.below(3) == 0) {
      const std::uint64_t position = buffer.begin() + random.below(buffer.size() + 1);
      buffer.dropTo(position);
      REQUIRE(buffer.begin() == position);
    }
    if (buffer.size() > 0) {
      const std::uint64_t position = buffer.begin() + random.below(buffer.size());
      const auto part = buffer.from(position);
      REQUIRE_FALSE(part.empty());
      REQUIRE(position + part.size() <= buffer.end());
      REQUIRE(std::vector<std::uint8_t>(part.begin(), part.end()) == numbered(position, part.size()));
    }
    REQUIRE(pool.held() <= 9 * (buffer.size() + ChunkPool::kChunk));
    if (random.below(200) == 0) buffer.clear();
  }
  buffer.clear();
  CHECK(pool.held() == 0);
  CHECK(buffer.begin() == buffer.end());
}
