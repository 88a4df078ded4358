// One client of a simulated pair: its streams, their local programs, and the carriers that it has with the other client.
//
// It drives ResumableStream as the engine does, but every step is taken by the test: so much is read, so much written, so
// much goes over a carrier. What must not happen throws.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>

#include "stream/byte_pattern.hpp"
#include "stream/frame_reader.hpp"
#include "stream/resumable_stream.hpp"
#include "stream/sim_carrier.hpp"

namespace chuantou::test {

inline void expect(bool good, const char* what) {
  if (!good) throw std::logic_error(what);
}

struct SimStream;

/// One side's end of a carrier.
struct SimLine {
  std::shared_ptr<SimCarrier> carrier;
  FrameReader reader;
  SimStream* current = nullptr;
  SimStream* previous = nullptr;  ///< has left; frames are its own until it is confirmed
  bool closed = false;
};

struct SimStream {
  SimStream(stream::ResumableStream::Role role, stream::ChunkPool& pool, std::uint64_t number) : id(number), stream(role, pool) {}

  std::uint64_t id;
  stream::ResumableStream stream;
  // Its carrier; two during a switch: each direction changes at its own time.
  SimLine* in = nullptr;
  SimLine* out = nullptr;
  SimLine* next = nullptr;
  bool switchSeen = false;  ///< target: SWITCH has come before the RESUME that names the other carrier
  bool resuming = false;
  bool opened = false;
  bool left = false;
  std::uint32_t age = 0;  ///< of the last RESUME
  // The local program.
  bool accepted = false;
  bool finished = false;
  bool aborted = false;
  std::uint64_t written = 0;
};

class SimSide {
 public:
  using Event = stream::ResumableStream::Event;

  SimSide(SideOf side, std::size_t memory, const BytePattern& out, const BytePattern& in, bool detachesWhenLeaving)
      : side_(side), pool_(memory), out_(out), in_(in), detachesWhenLeaving_(detachesWhenLeaving) {}

  /// The other end's stream of that number, for the oracle.
  std::function<const SimStream*(std::uint64_t)> peerOf;

  // ---- streams
  SimStream& add(std::uint64_t id);
  void remove(std::uint64_t id);
  std::map<std::uint64_t, std::unique_ptr<SimStream>>& streams() noexcept { return streams_; }
  /// Nothing is to be done for it any more.
  bool over(const SimStream& s) const noexcept;
  stream::ChunkPool& pool() noexcept { return pool_; }

  // ---- local programs
  /// Returns how many bytes there was room for.
  std::size_t write(SimStream& s, std::size_t bytes);
  std::size_t read(SimStream& s, std::size_t bytes);
  void finish(SimStream& s);
  void abort(SimStream& s);
  void accept(SimStream& s, bool atOnce);

  // ---- carriers
  SimLine& addLine(std::shared_ptr<SimCarrier> carrier);
  std::vector<std::unique_ptr<SimLine>>& lines() noexcept { return lines_; }
  /// Initiator: an idle one, or nothing.
  SimLine* idleLine();
  void open(SimStream& s, SimLine& line);
  void resume(SimStream& s, SimLine& line, std::uint32_t age);
  void switchTo(SimStream& s, SimLine& line, std::uint32_t age);
  bool canSwitch(const SimStream& s) const noexcept;
  /// Takes so many bytes from a carrier, or sees that it is dead. False: nothing there.
  bool readLine(TimePoint now, SimLine& line, std::size_t bytes);
  /// Sends what there is to be sent. False: nothing.
  bool pump(SimStream& s);
  bool lazy(SimStream& s);
  void tick(SimStream& s);
  void close(SimLine& line);
  void sweep();

 private:
  SimPipe& pipe(SimLine& line) { return line.carrier->to[side_]; }
  bool push(SimLine& line, std::span<const std::uint8_t> bytes);
  bool congested(const SimLine& line) const { return line.carrier->to[1 - side_].size() >= line.carrier->capacity; }
  bool pumpAll(SimStream& s, bool force);
  SimStream* owner(SimLine& line);
  FrameReader::Verdict onFrame(TimePoint now, SimLine& line, const wire::FrameHeader& header, std::span<const std::uint8_t> payload);
  FrameReader::Verdict onData(SimLine& line, std::span<const std::uint8_t> bytes);
  void onSwitched(SimLine& line, SimStream* s);
  FrameReader::Verdict onOpen(SimLine& line, std::span<const std::uint8_t> payload);
  FrameReader::Verdict onResume(SimLine& line, std::uint8_t flags, std::span<const std::uint8_t> payload);
  void free(SimLine& line);
  void leaveIfDone(SimStream& s);
  void endSwitchIfDone(SimStream& s);
  void forgetLines(SimStream& s);
  static bool readable(const SimLine& line) { return line.current == nullptr || line.current->in == &line; }

  SideOf side_;
  stream::ChunkPool pool_;
  const BytePattern& out_;
  const BytePattern& in_;
  bool detachesWhenLeaving_;
  std::map<std::uint64_t, std::unique_ptr<SimStream>> streams_;
  std::set<std::uint64_t> done_;
  std::vector<std::unique_ptr<SimLine>> lines_;
};

}  // namespace chuantou::test
