// Streams that a test makes talk step by step, and what they say in words.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "base/bytes.hpp"
#include "stream/frame_reader.hpp"
#include "stream/resumable_stream.hpp"
#include "support/bytes.hpp"

namespace chuantou::test {

inline constexpr std::size_t kPlenty = std::size_t{1} << 30;

/// "FIN", "ACK 5", "RESUMED 5 answered".
inline std::string inWords(const wire::FrameHeader& header, std::span<const std::uint8_t> payload) {
  static const char* const names[] = {"?",   "OPEN",  "ACCEPT", "REJECT", "PING",    "PONG",   "DATA",   "FIN",
                                      "RESET", "SEAL", "ACK",    "RESUME", "RESUMED", "SWITCH", "WINDOW", "ACK_EVERY"};
  std::string out = names[static_cast<std::size_t>(header.type)];
  if (header.type == wire::FrameType::ack || header.type == wire::FrameType::resumed) out += " " + std::to_string(loadU64(payload.data()));
  if (header.type == wire::FrameType::window || header.type == wire::FrameType::ackEvery) out += " " + std::to_string(loadU32(payload.data()));
  if ((header.flags & wire::kFlagAnswered) != 0) out += " answered";
  return out;
}

/// Frames in words, DATA with its size, as in "ACCEPT, DATA 5".
inline std::string inWords(std::span<const std::uint8_t> bytes) {
  std::string out;
  const auto add = [&out](const std::string& word) { out += (out.empty() ? "" : ", ") + word; };
  while (!bytes.empty()) {
    const auto header = wire::decodeHeader(bytes.first<wire::kFrameHeaderSize>());
    REQUIRE(header.ok());
    const auto payload = bytes.subspan(wire::kFrameHeaderSize, header.value().length);
    add(header.value().type == wire::FrameType::data ? "DATA " + std::to_string(payload.size()) : inWords(header.value(), payload));
    bytes = bytes.subspan(wire::kFrameHeaderSize + payload.size());
  }
  return out;
}

struct Talker {
  using Event = stream::ResumableStream::Event;
  using Role = stream::ResumableStream::Role;

  Talker(Role role, stream::ChunkPool& pool) : stream(role, pool) {}

  stream::ResumableStream stream;
  FrameReader reader;
  std::string got;            ///< bytes of the other side
  std::vector<Event> events;  ///< but for `none`
  bool takes = true;          ///< the local program reads at once
  bool violated = false;
  TimePoint now{std::chrono::hours{1}};

  /// From the local program. False: there was no room for it.
  bool write(std::string_view text) {
    while (!text.empty()) {
      const auto room = stream.reserve();
      if (room.empty()) return false;
      const std::size_t n = std::min(room.size(), text.size());
      std::copy_n(text.begin(), n, room.begin());
      stream.commit(n);
      text.remove_prefix(n);
    }
    return true;
  }
  /// Everything that goes out now.
  std::vector<std::uint8_t> out() {
    std::vector<std::uint8_t> bytes;
    for (auto next = stream.next(); !next.empty(); next = stream.next()) bytes.insert(bytes.end(), next.begin(), next.end());
    return bytes;
  }
  std::string says() { return inWords(out()); }
  /// False: violation.
  bool hear(std::span<const std::uint8_t> bytes) {
    reader.read(
        bytes, [&](const auto& header, auto payload) { return hear(stream.handle(now, header, payload)); },
        [&](auto part) {
          if (!stream.receive(part.size())) return hear(Event::violation);
          got.append(part.begin(), part.end());
          if (takes) stream.delivered(part.size());
          return FrameReader::Verdict::go;
        });
    return !violated;
  }
  template <class Frame>
  Event hears(const Frame& frame) {
    const std::span<const std::uint8_t> bytes{frame};
    return stream.handle(now, wire::decodeHeader(bytes.first<wire::kFrameHeaderSize>()).value(), bytes.subspan(wire::kFrameHeaderSize));
  }

 private:
  FrameReader::Verdict hear(Event event) {
    if (event != Event::none) events.push_back(event);
    violated = violated || event == Event::violation;
    return violated ? FrameReader::Verdict::fail : FrameReader::Verdict::go;
  }
};

/// An initiator and a target with a pool each.
struct Duo {
  stream::ChunkPool pools[2] = {stream::ChunkPool{kPlenty}, stream::ChunkPool{kPlenty}};
  Talker a{Talker::Role::initiator, pools[0]};
  Talker b{Talker::Role::target, pools[1]};

  /// As after OPEN.
  void open() {
    a.stream.attach();
    b.stream.attach();
  }
  void openAndAnswer() {
    open();
    b.stream.accept(true);
    say();
  }
  std::string aToB() {
    const auto bytes = a.out();
    CHECK(b.hear(bytes));
    return inWords(bytes);
  }
  std::string bToA() {
    const auto bytes = b.out();
    CHECK(a.hear(bytes));
    return inWords(bytes);
  }
  /// Until nobody has anything to say, lazy things too.
  void say() {
    for (;;) {
      a.stream.wantAck();
      b.stream.wantAck();
      if (aToB().empty() && bToA().empty()) return;
    }
  }
  void lose() {
    a.stream.detach();
    b.stream.detach();
    a.reader = b.reader = FrameReader{};
  }
  /// RESUME; the answer is not passed on.
  void resume() {
    CHECK(b.stream.attachResumed(a.stream.position()));
    a.stream.attachResuming({});
  }
};

}  // namespace chuantou::test
