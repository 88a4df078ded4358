// What two clients say to each other on a carrier (docs/PROTOCOL.md, section 5).
//
//     0      1       2           4
//     +------+-------+-----------+-----------------+
//     | type | flags | length    | payload (length)|
//     +------+-------+-----------+-----------------+
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace chuantou::wire {

enum class FrameType : std::uint8_t {
  open = 1,
  accept = 2,
  reject = 3,
  ping = 4,
  pong = 5,
  // Only on encrypted carriers: they outlive their streams.
  data = 6,   ///< the length has 24 bits: the flags are its highest byte
  fin = 7,    ///< this side sends no more of the stream
  reset = 8,  ///< this side has given the stream up
  seal = 9,   ///< opens a UDP flow, whose datagrams are sealed with keys of this carrier
  ack = 10,   ///< so much of the stream has reached this side's program
  resume = 11,    ///< goes on with a stream that another carrier has carried
  resumed = 12,   ///< its answer
  switchOver = 13,  ///< this side's next bytes come on the carrier that RESUME has named
  window = 14,    ///< how much this side takes beyond what it has acknowledged
  ackEvery = 15,  ///< how often this side wants to be told
};

inline constexpr std::size_t kFrameHeaderSize = 4;
inline constexpr std::size_t kMaxFramePayload = 512;
inline constexpr std::size_t kPingSize = 8;
/// Longest DATA; its bytes are passed on as they come, so that nobody needs a buffer of this size.
inline constexpr std::size_t kMaxData = 0xffffff;
/// OPEN: the target answers at once instead of with the service's first bytes.
inline constexpr std::uint8_t kFlagAnswerAtOnce = 1;
/// RESUME: the initiator has had the target's answer. RESUMED: it has been given, no ACCEPT follows.
inline constexpr std::uint8_t kFlagAnswered = 2;
/// RESUME: the old carrier is alive, and ends with a SWITCH each way.
inline constexpr std::uint8_t kFlagSwitch = 4;

struct FrameHeader {
  FrameType type = FrameType::open;
  std::uint8_t flags = 0;
  std::uint32_t length = 0;
};

struct OpenFrame {
  std::uint16_t port = 0;
  std::string host;  ///< empty: the target's loopback
  StreamId id{};     ///< by which it can be resumed; plain carriers don't
  std::uint16_t patience = 0;  ///< seconds that both sides wait for a new carrier when the stream has lost its own
};
/// Everything that OPEN says, for a target that has not had it.
struct ResumeFrame {
  OpenFrame open;
  std::uint64_t position = 0;  ///< where the target goes on (ACK counts alike)
  std::uint32_t ageMs = 0;     ///< since the stream was first opened, at most that of 49 days
};
/// Opens a UDP flow: what OPEN says, and which session of the server carries its datagrams. The keys that they are sealed
/// with are exported from the carrier's TLS session with sealContext().
struct SealFrame {
  std::uint16_t port = 0;
  std::string host;
  SessionId session{};
  std::array<std::uint8_t, 16> nonce{};  ///< the initiator's choice, so that no two flows have the same keys
};
struct RejectFrame {
  Errc code = Errc::protocol_error;
  std::string reason;
};

using FrameBytes = std::vector<std::uint8_t>;

FrameBytes encodeOpen(const OpenFrame& open, std::uint8_t flags);
FrameBytes encodeAccept();
FrameBytes encodeReject(Errc code, std::string_view reason);
FrameBytes encodeSeal(const SealFrame& seal);
FrameBytes encodeResume(const ResumeFrame& resume, std::uint8_t flags);
/// The header of a DATA frame with `size` bytes, 1 to kMaxData.
std::array<std::uint8_t, kFrameHeaderSize> encodeDataHeader(std::size_t size);
/// ACCEPT, FIN, RESET, SWITCH.
std::array<std::uint8_t, kFrameHeaderSize> encodeBare(FrameType type);
/// A position is a count of the stream's bytes, and one more for its FIN.
inline constexpr std::size_t kPositionSize = 8;
/// ACK or RESUMED.
std::array<std::uint8_t, kFrameHeaderSize + kPositionSize> encodePosition(FrameType type, std::uint64_t position, std::uint8_t flags = 0);
/// WINDOW or ACK_EVERY.
std::array<std::uint8_t, kFrameHeaderSize + 4> encodeCount(FrameType type, std::uint32_t bytes);
FrameBytes encodePing(FrameType type, std::span<const std::uint8_t, kPingSize> payload);

/// Errors: protocol_error.
Result<FrameHeader> decodeHeader(std::span<const std::uint8_t, kFrameHeaderSize> bytes);
Result<OpenFrame> decodeOpen(std::span<const std::uint8_t> payload);
Result<ResumeFrame> decodeResume(std::span<const std::uint8_t> payload);
Result<SealFrame> decodeSeal(std::span<const std::uint8_t> payload);
std::array<std::uint8_t, 24> sealContext(const SealFrame& seal);
Result<RejectFrame> decodeReject(std::span<const std::uint8_t> payload);

}  // namespace chuantou::wire
