// STUN messages (RFC 8489; attributes of RFC 5780 and RFC 8445 too; RFC 3489's form where it is asked for).
//
//      0                   1                   2                   3
//      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//     +---+---------------------------+-------------------------------+
//     |0 0| type: method and class    | length of what follows byte 20|
//     +---+---------------------------+-------------------------------+
//     | magic cookie 0x2112A442                                       |
//     +---------------------------------------------------------------+
//     | transaction id (12 bytes)                                     |
//     +---------------------------------------------------------------+
//     | attributes: type (2), length (2), value, padded to 4 bytes …  |
//     +---------------------------------------------------------------+
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/udp_address.hpp"

namespace chuantou::stun {

inline constexpr std::uint32_t kMagicCookie = 0x2112'A442;
inline constexpr std::size_t kHeaderSize = 20;
inline constexpr std::uint16_t kDefaultPort = 3478;

/// 96 random bits: whoever did not see the request cannot answer it (RFC 8489, section 5).
struct TransactionId {
  std::array<std::uint8_t, 12> bytes{};

  static TransactionId random(RandomSource& source);
  auto operator<=>(const TransactionId&) const = default;
};

enum class MessageClass : std::uint8_t { request = 0, indication = 1, success = 2, error = 3 };

/// 12 bits. Methods that are not named here are decoded too.
enum class Method : std::uint16_t { binding = 0x001 };

/// The 16 bits of an attribute's type. Those below 0x8000 must be understood by the receiver (RFC 8489, section 14).
enum class Attribute : std::uint16_t {
  mappedAddress = 0x0001,
  changeRequest = 0x0003,   ///< RFC 5780, section 7.2
  sourceAddress = 0x0004,   ///< RFC 3489 only
  changedAddress = 0x0005,  ///< RFC 3489 only
  username = 0x0006,
  messageIntegrity = 0x0008,
  errorCode = 0x0009,
  unknownAttributes = 0x000a,
  realm = 0x0014,
  nonce = 0x0015,
  messageIntegritySha256 = 0x001c,
  userhash = 0x001e,
  xorMappedAddress = 0x0020,
  priority = 0x0024,      ///< RFC 8445, section 7.1.1
  useCandidate = 0x0025,  ///< RFC 8445, section 7.1.2
  padding = 0x0026,       ///< RFC 5780, section 7.6
  responsePort = 0x0027,  ///< RFC 5780, section 7.5
  software = 0x8022,
  fingerprint = 0x8028,
  iceControlled = 0x8029,
  iceControlling = 0x802a,
  responseOrigin = 0x802b,  ///< RFC 5780, section 7.3
  otherAddress = 0x802c,    ///< RFC 5780, section 7.4
};

constexpr bool mustBeUnderstood(std::uint16_t attribute) { return attribute < 0x8000; }

// The longest texts that RFC 8489 allows, in bytes; longer ones are cut when they are sent.
inline constexpr std::size_t kMaxUsername = 508;
inline constexpr std::size_t kMaxText = 763;

/// A message with more of them is refused: no usage needs so many.
inline constexpr std::size_t kMaxAttributes = 64;

/// From where a server is asked to answer.
struct ChangeRequest {
  bool ip = false;
  bool port = false;
  bool operator==(const ChangeRequest&) const = default;
};

struct ErrorCode {
  unsigned code = 0;   ///< 300 to 699
  std::string reason;  ///< in the other side's words: bytes of any kind
  bool operator==(const ErrorCode&) const = default;
};

inline constexpr unsigned kBadRequest = 400;
inline constexpr unsigned kUnauthenticated = 401;
inline constexpr unsigned kUnknownAttribute = 420;
inline constexpr unsigned kRoleConflict = 487;  ///< RFC 8445, section 7.1.3

/// Texts are bytes of any kind where they come from the network.
struct Message {
  MessageClass kind = MessageClass::request;
  Method method = Method::binding;
  TransactionId id;
  /// Another value: a message of RFC 3489, whose transaction id has these four bytes more.
  std::uint32_t cookie = kMagicCookie;

  std::optional<UdpAddress> mappedAddress;
  std::optional<UdpAddress> xorMappedAddress;
  std::optional<UdpAddress> responseOrigin;
  std::optional<UdpAddress> otherAddress;
  std::optional<UdpAddress> sourceAddress;
  std::optional<UdpAddress> changedAddress;
  std::optional<ChangeRequest> changeRequest;
  std::optional<std::uint16_t> responsePort;
  std::optional<std::uint16_t> padding;  ///< so many bytes
  std::optional<ErrorCode> errorCode;
  std::vector<std::uint16_t> unknownAttributes;  ///< what the other side did not understand
  std::optional<std::string> username;
  std::optional<std::string> userhash;
  std::optional<std::string> realm;
  std::optional<std::string> nonce;
  std::optional<std::string> software;
  std::optional<std::uint32_t> priority;
  bool useCandidate = false;
  std::optional<std::uint64_t> iceControlled;
  std::optional<std::uint64_t> iceControlling;

  // Of a decoded message; encode() looks at none of these.

  /// Attributes that must be understood, and are not. A request with some is answered by kUnknownAttribute; anything
  /// else with some is not processed (RFC 8489, section 6.3).
  std::vector<std::uint16_t> notUnderstood;
  bool hasIntegrity = false;  ///< MESSAGE-INTEGRITY; not verified yet
  bool hasIntegritySha256 = false;
  bool hasFingerprint = false;  ///< and it is right, else the message is none

  bool isClassic() const noexcept { return cookie != kMagicCookie; }
  bool isResponse() const noexcept { return kind == MessageClass::success || kind == MessageClass::error; }
  /// Where the server saw the request come from, whichever attribute says it.
  const std::optional<UdpAddress>& mapped() const { return xorMappedAddress ? xorMappedAddress : mappedAddress; }
  bool operator==(const Message&) const = default;
};

enum class Integrity : std::uint8_t { none, sha1, sha256, both };

/// What is added at a message's end.
struct Sealing {
  Integrity integrity = Integrity::none;
  /// The password with short-term credentials, a hash with long-term ones (RFC 8489, sections 9.1.1 and 9.2.2).
  std::span<const std::uint8_t> key = {};
  bool fingerprint = false;
};

/// Of a message that fits into a datagram.
std::vector<std::uint8_t> encode(const Message& message, const Sealing& sealing = {});

/// The bytes of a text, as a key.
inline std::span<const std::uint8_t> keyOf(std::string_view password) {
  return {reinterpret_cast<const std::uint8_t*>(password.data()), password.size()};
}

/// Whether a datagram can be nothing but STUN on a port with other protocols: 00 at the top, and the cookie.
bool isStun(std::span<const std::uint8_t> datagram);
/// Whether a datagram without the cookie looks like RFC 3489's Binding request: this type, and exactly the length it
/// says.
bool isClassicRequest(std::span<const std::uint8_t> datagram);

/// The whole datagram as one message. Errors: protocol_error. What comes after an integrity attribute is left out (but
/// for its fellows), of an attribute that comes twice the second, and what need not be understood where it is
/// malformed.
Result<Message> decode(std::span<const std::uint8_t> datagram);
/// The same, also without the cookie.
Result<Message> decodeAny(std::span<const std::uint8_t> datagram);

/// Whether the bytes of a decoded message carry this kind of integrity (for `both`: each of the two), made with this
/// key.
bool verifyIntegrity(std::span<const std::uint8_t> datagram, Integrity kind, std::span<const std::uint8_t> key);

}  // namespace chuantou::stun
