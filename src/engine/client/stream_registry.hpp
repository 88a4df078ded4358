// All streams of a client that are not over: keeps them alive without a carrier, gives them the time, counts what
// happens to them, and finds those that a peer goes on with.
#pragma once

#include <unordered_map>

#include "engine/client/carried_stream.hpp"
#include "stream/chunk_pool.hpp"

namespace chuantou::engine {

class StreamRegistry {
 public:
  using Listener = std::function<void(const StreamEvent& event)>;

  StreamRegistry(net::IoThread& thread, const Logger& log, Listener listener);
  ~StreamRegistry();

  void add(std::shared_ptr<CarriedStream> stream);
  void remove(const CarriedStream& stream);
  /// Calls its flushLazy() in a moment, so that what is small travels in company.
  void flushSoon(std::shared_ptr<CarriedStream> stream);

  void onRegistered();
  void suspectAll();
  /// Moves all that were opened here and have a carrier to new ones, a few at a time. Returns how many.
  std::size_t migrateAll();
  /// The server does not want this client any more.
  void giveUpAll(const Error& error);
  /// The client ends.
  void endAll();

  // ---- of the streams
  void onStalled(const CarriedStream& stream, const char* why);
  void onResumed(const CarriedStream& stream);
  void onGivenUp(const CarriedStream& stream, const Error& error);
  void onMigrated(const CarriedStream& stream);

  stream::ChunkPool& chunks() noexcept { return chunks_; }
  struct Figures {
    std::uint64_t resumes = 0;
    std::uint64_t migrations = 0;
    std::uint64_t stalls = 0;
    std::uint64_t stalledNow = 0;
    std::uint64_t givenUp = 0;
    std::uint64_t repeatedBytes = 0;
    Duration lostTime{};
  };
  /// With those that are not over.
  Figures figures() const;
  std::vector<StreamInfo> list() const;
  std::size_t size() const noexcept { return streams_.size(); }

 private:
  void armTick();
  void migrateSome();
  std::vector<std::shared_ptr<CarriedStream>> all() const;
  void tell(StreamEvent::Kind kind, const CarriedStream& stream, std::error_code reason);

  const Logger& log_;
  Listener listener_;
  stream::ChunkPool chunks_;
  std::unordered_map<const CarriedStream*, std::shared_ptr<CarriedStream>> streams_;
  std::vector<std::shared_ptr<CarriedStream>> lazy_;
  std::vector<std::weak_ptr<CarriedStream>> toMigrate_;
  net::Timer tickTimer_;
  net::Timer lazyTimer_;
  bool ticking_ = false;
  Figures past_;
};

}  // namespace chuantou::engine
