// One end of a stream against a hostile peer: any frames in any order, carriers that come and go, and a local program that
// writes, reads and ends when it likes. A second stream shares the memory.
#include <optional>

#include "base/bytes.hpp"
#include "fuzz_input.hpp"
#include "stream/byte_pattern.hpp"
#include "stream/frame_reader.hpp"
#include "stream/resumable_stream.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;
using stream::ChunkPool;
using stream::ResumableStream;
using stream::WindowTuner;
using test::BytePattern;
using test::FrameReader;
using wire::FrameType;

namespace {

constexpr std::size_t kMemory = 256 * 1024;

const BytePattern& pattern() {
  static const BytePattern bytes{1};
  return bytes;
}

/// Sees that what a stream says keeps to the protocol, whatever it was told.
class Listener {
 public:
  Listener(const ResumableStream& stream, bool target) : stream_(stream), target_(target) {}

  /// On a new carrier, from a position on, with such a frame.
  void begin(std::uint64_t position, std::optional<FrameType> first) {
    cursor_ = position;
    acked_ = 0;
    reset_ = fin_ = false;
    accepted_ = false;
    first_ = first;
    waits_ = false;
    reader_ = {};
  }
  void hear(std::span<const std::uint8_t> bytes) {
    expect(bytes.size() <= ChunkPool::kChunk + ChunkPool::kRoom, "more at once than a chunk");
    reader_.read(
        bytes, [this](const auto& header, auto payload) { return frame(header, payload); },
        [this](auto part) { return data(part); });
    expect(!reader_.failed() && reader_.clean(), "half a frame");
  }
  std::uint64_t cursor() const noexcept { return cursor_; }
  bool reset() const noexcept { return reset_; }

 private:
  FrameReader::Verdict frame(const wire::FrameHeader& header, std::span<const std::uint8_t> payload) {
    expect(!waits_ && (!first_ || header.type == *first_), "something before the first frame");
    expect(!reset_ || header.type == FrameType::switchOver, "something after RESET");
    switch (header.type) {
      case FrameType::open:
        expect(first_ == FrameType::open, "OPEN twice");
        break;
      case FrameType::resume:
        expect(first_ == FrameType::resume, "RESUME twice");
        waits_ = true;
        break;
      case FrameType::resumed:
        expect(first_ == FrameType::resumed && loadU64(payload.data()) == stream_.position(), "RESUMED that is not true");
        accepted_ = (header.flags & wire::kFlagAnswered) != 0;
        break;
      case FrameType::accept:
        expect(target_ && !accepted_, "ACCEPT twice");
        accepted_ = true;
        break;
      case FrameType::ack: {
        const std::uint64_t position = loadU64(payload.data());
        expect(position <= stream_.position() && position >= acked_, "ACK of what has not come, or back");
        expect(!target_ || accepted_, "ACK before the answer");
        acked_ = position;
        break;
      }
      case FrameType::fin:
        expect(!fin_ && cursor_ == stream_.sent() && (!target_ || accepted_), "FIN before the last byte");
        fin_ = true;
        break;
      case FrameType::reset:
        expect(stream_.aborted() || stream_.resetReceived(), "RESET without a reason");
        reset_ = true;
        break;
      case FrameType::ping:
      case FrameType::pong:
      case FrameType::switchOver:
        break;
      case FrameType::window:
        expect(loadU32(payload.data()) >= WindowTuner::kLeast, "a window too small");
        break;
      case FrameType::ackEvery:
        expect(loadU32(payload.data()) > 0, "ACK_EVERY nothing");
        break;
      default:
        expect(false, "a frame that is not a stream's");
    }
    first_.reset();
    return FrameReader::Verdict::go;
  }
  FrameReader::Verdict data(std::span<const std::uint8_t> bytes) {
    expect(!first_ && !waits_ && !fin_ && !reset_ && (!target_ || accepted_), "bytes where none may be");
    expect(pattern().matches(cursor_, bytes), "other bytes than the program's");
    cursor_ += bytes.size();
    expect(cursor_ <= stream_.sent(), "more bytes than the program's");
    return FrameReader::Verdict::go;
  }

  const ResumableStream& stream_;
  const bool target_;
  FrameReader reader_;
  std::uint64_t cursor_ = 0;
  std::uint64_t acked_ = 0;
  std::optional<FrameType> first_;
  bool waits_ = false;  ///< RESUME has been said
  bool accepted_ = false, fin_ = false, reset_ = false;
};

class Scene {
 public:
  Scene(Input& input, bool target)
      : input_(input),
        target_(target),
        stream_(target ? ResumableStream::Role::target : ResumableStream::Role::initiator, pool_),
        listener_(stream_, target) {
    if (target) {
      stream_.attach();
    } else {
      stream_.attachOpening(wire::encodeOpen({1, "", {}, 0}, 0));
    }
    listener_.begin(0, target ? std::nullopt : std::optional{FrameType::open});
    other_.attach();
  }

  void run() {
    while (!input_.empty() && alive_) {
      step();
      check();
    }
    // Whatever has happened, the other stream has its bytes.
    for (auto bytes = other_.next(); !bytes.empty(); bytes = other_.next()) otherListener_.hear(bytes);
    expect(otherListener_.cursor() == other_.sent(), "another stream's bytes are missing");
  }

 private:
  void step() {
    switch (input_.below(24)) {
      case 0:
      case 1:
        return write(stream_);
      case 2:
        return write(other_);
      case 3:
        if (!target_ || accepted_) stream_.finish();
        return;
      case 4:
        return stream_.abort();
      case 5:
        if (target_ && !accepted_) stream_.accept(input_.byte() % 2 != 0);
        accepted_ = true;
        return;
      case 6:
        if (const std::size_t n = std::min(size(), stream_.backlog()); n > 0) {
          stream_.delivered(n);
          if (n % 5 == 0) stream_.undelivered(n / 5);
        }
        return;
      case 7:
      case 8:
      case 9:
        return say();
      case 10:
        stream_.wantAck();
        return say();
      case 11:
        now_ += std::chrono::milliseconds{input_.word()};
        if (!stream_.tick()) stream_.detach();
        return;
      case 12:
        return stream_.suspect();
      case 13:
        if (stream_.attached()) stream_.switchOver();
        return;
      case 14:
        return newCarrier();
      case 15: {
        const auto bytes = other_.next();
        return bytes.empty() ? void() : otherListener_.hear(bytes);
      }
      case 16:
        return leave();
      case 17:
        return raw();
      case 18:
      case 19:
        return data(size());
      default:
        return frame();
    }
  }

  std::size_t size() {
    const std::size_t kind = input_.byte();
    return kind < 200 ? kind : kind < 250 ? input_.word() : input_.word() * 256;
  }

  void write(ResumableStream& stream) {
    if (&stream == &stream_ && target_ && !accepted_) return;
    const auto room = stream.reserve();
    const std::size_t n = std::min(room.size(), size());
    if (n == 0) return;
    pattern().fill(stream.sent(), room.first(n));
    stream.commit(n);
  }

  void say() {
    const auto bytes = stream_.next();
    if (bytes.empty()) return;
    expect(stream_.attached(), "something said without a carrier");
    listener_.hear(bytes);
  }

  void newCarrier() {
    if (target_) {
      const std::uint64_t at = position();
      if (!stream_.attachResumed(at)) return;
      listener_.begin(at, FrameType::resumed);
      reader_ = {};
      return;
    }
    stream_.detach();
    stream_.attachResuming(wire::encodeResume({{1, "", {}, 0}, stream_.position(), 1}, 0));
    listener_.begin(0, FrameType::resume);
    resuming_ = true;
    reader_ = {};
  }

  void leave() {
    if (!stream_.leavable()) return;
    expect(stream_.finReceived() || stream_.resetReceived(), "a stream that leaves while bytes may come");
    expect(stream_.next().empty(), "a word after the last");
    if (stream_.confirmed()) alive_ = false;
  }

  /// One that is likely to matter.
  std::uint64_t position() {
    static constexpr std::int64_t kNear[] = {0, 1, -1, 2};
    const std::uint64_t of[] = {stream_.sent(), listener_.cursor(), stream_.sent() - stream_.unacked(), 0, size(), ~std::uint64_t{0}};
    const std::size_t which = input_.byte();
    return of[which % std::size(of)] + static_cast<std::uint64_t>(kNear[which / 8 % 4]);
  }

  void frame() {
    static constexpr FrameType kTypes[] = {FrameType::accept, FrameType::ping,   FrameType::pong,    FrameType::fin,
                                           FrameType::reset,  FrameType::ack,    FrameType::ack,     FrameType::resumed,
                                           FrameType::window, FrameType::ackEvery, FrameType::switchOver, FrameType::seal};
    const FrameType type = kTypes[input_.below(std::size(kTypes))];
    std::array<std::uint8_t, 8> payload{};
    std::uint32_t length = 0;
    if (type == FrameType::ack || type == FrameType::resumed) {
      length = wire::kPositionSize;
      storeU64(payload.data(), position());
    } else if (type == FrameType::window || type == FrameType::ackEvery) {
      length = 4;
      storeU32(payload.data(), static_cast<std::uint32_t>(size()));
    } else if (type == FrameType::ping || type == FrameType::pong) {
      length = wire::kPingSize;
    }
    handle({type, type == FrameType::resumed && input_.byte() % 2 != 0 ? wire::kFlagAnswered : std::uint8_t{0}, length},
           std::span{payload}.first(length));
  }

  void raw() {
    const auto bytes = input_.take(input_.byte());
    reader_.read(
        bytes,
        [this](const auto& header, auto payload) {
          const bool carriers = header.type == FrameType::open || header.type == FrameType::reject || header.type == FrameType::resume;
          if (!carriers) handle(header, payload);
          return alive_ ? FrameReader::Verdict::go : FrameReader::Verdict::fail;
        },
        [this](auto part) {
          data(part.size());
          return alive_ ? FrameReader::Verdict::go : FrameReader::Verdict::fail;
        });
    if (reader_.failed()) alive_ = false;
  }

  void handle(const wire::FrameHeader& header, std::span<const std::uint8_t> payload) {
    if (!stream_.attached()) return;
    const bool wasFin = stream_.finReceived();
    const bool wasReset = stream_.resetReceived();
    const bool wasAnswered = stream_.answered();
    switch (stream_.handle(now_, header, payload)) {
      case ResumableStream::Event::violation:
        alive_ = false;
        break;
      case ResumableStream::Event::fin:
        expect(!wasFin && !wasReset && stream_.finReceived(), "FIN twice");
        break;
      case ResumableStream::Event::reset:
        expect(stream_.resetReceived(), "a RESET that is forgotten");
        break;
      case ResumableStream::Event::answered:
        expect(!target_ && !wasAnswered && stream_.answered(), "an answer twice");
        break;
      default:
        break;
    }
    if (resuming_ && alive_) {
      expect(header.type == FrameType::resumed, "something before RESUMED was taken");
      resuming_ = false;
      listener_.begin(loadU64(payload.data()), std::nullopt);
    }
  }

  void data(std::size_t bytes) {
    if (bytes == 0) return;
    const bool may = stream_.attached() && !resuming_ && !stream_.finReceived() && !stream_.resetReceived() && (target_ || stream_.answered());
    const std::uint64_t before = stream_.received();
    const bool taken = stream_.receive(bytes);
    expect(!taken || may, "bytes where none may be were taken");
    expect(!may || stream_.received() == before + bytes, "bytes that were not counted");
    expect(may || stream_.received() == before, "bytes that do not count");
    if (!taken) alive_ = false;
  }

  void check() {
    if (!alive_) return;
    expect(stream_.backlog() <= 2 * ResumableStream::kMostUnacked, "too much waits for the program");
    expect(stream_.unacked() <= stream_.sent() + 1, "more is unacknowledged than was sent");
    expect(stream_.position() >= stream_.received(), "a position before the bytes");
    expect(pool_.held() <= kMemory + 4 * (WindowTuner::kLeast + ChunkPool::kChunk), "more memory than allowed");
    if (stream_.aborted() || stream_.resetReceived()) expect(stream_.reserve().empty(), "room for a program that is gone");
  }

  Input& input_;
  const bool target_;
  ChunkPool pool_{kMemory};
  ResumableStream stream_;
  ResumableStream other_{ResumableStream::Role::initiator, pool_};
  Listener listener_;
  Listener otherListener_{other_, false};
  FrameReader reader_;
  TimePoint now_{std::chrono::hours{1}};
  bool accepted_ = false;
  bool resuming_ = false;
  bool alive_ = true;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  const bool target = input.byte() % 2 != 0;
  Scene{input, target}.run();
  return 0;
}
