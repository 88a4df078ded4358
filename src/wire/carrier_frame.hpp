// What two clients say to each other at the start of a carrier (docs/PROTOCOL.md, section 5).
//
//     0      1       2           4
//     +------+-------+-----------+-----------------+
//     | type | flags | length    | payload (length)|
//     +------+-------+-----------+-----------------+
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace chuantou::wire {

enum class FrameType : std::uint8_t { open = 1, accept = 2, reject = 3, ping = 4, pong = 5 };

inline constexpr std::size_t kFrameHeaderSize = 4;
inline constexpr std::size_t kMaxFramePayload = 512;
inline constexpr std::size_t kPingSize = 8;
/// OPEN: the target answers at once instead of with the service's first bytes.
inline constexpr std::uint8_t kFlagAnswerAtOnce = 1;

struct FrameHeader {
  FrameType type = FrameType::open;
  std::uint8_t flags = 0;
  std::uint16_t length = 0;
};

struct OpenFrame {
  std::uint16_t port = 0;
  std::string host;  ///< empty: the target's loopback
};
struct RejectFrame {
  Errc code = Errc::protocol_error;
  std::string reason;
};

using FrameBytes = std::vector<std::uint8_t>;

FrameBytes encodeOpen(const OpenFrame& open, std::uint8_t flags);
FrameBytes encodeAccept();
FrameBytes encodeReject(Errc code, std::string_view reason);
FrameBytes encodePing(FrameType type, std::span<const std::uint8_t, kPingSize> payload);

/// Errors: protocol_error.
Result<FrameHeader> decodeHeader(std::span<const std::uint8_t, kFrameHeaderSize> bytes);
Result<OpenFrame> decodeOpen(std::span<const std::uint8_t> payload);
Result<RejectFrame> decodeReject(std::span<const std::uint8_t> payload);

}  // namespace chuantou::wire
