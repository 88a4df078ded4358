// Names of things, each a type of its own, so that one cannot be taken for another.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.hpp"

namespace chuantou {

/// A client's name: 1 to 64 of [A-Za-z0-9._-].
class ClientId {
 public:
  ClientId() = default;
  static std::optional<ClientId> parse(std::string_view text);
  /// "c-" and 16 hexadecimal digits.
  static ClientId random(RandomSource& random);

  const std::string& str() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }
  auto operator<=>(const ClientId&) const = default;

 private:
  explicit ClientId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Who a client is, whatever its name: an Ed25519 public key (RFC 8032), written "ed25519:" and 64 hexadecimal digits.
struct PublicKey {
  std::array<std::uint8_t, 32> bytes{};

  /// With or without the prefix.
  static std::optional<PublicKey> parse(std::string_view text);
  std::string str() const;
  auto operator<=>(const PublicKey&) const = default;
};

/// The secret by which one side's data channel joins its session: 128 random bits, used once.
struct DataKey {
  std::array<std::uint8_t, 16> bytes{};

  static DataKey random(RandomSource& random);
  static std::optional<DataKey> parse(std::string_view hex);
  std::string hex() const;
  bool operator==(const DataKey&) const = default;
};

/// What a stream is known by to its two ends, whatever carries it: 128 random bits of the initiator's choice.
struct StreamId {
  std::array<std::uint8_t, 16> bytes{};

  static StreamId random(RandomSource& random);
  /// The first 8 digits, for logs.
  std::string shortHex() const;
  auto operator<=>(const StreamId&) const = default;
};

/// Clients choose keys: without a salt that they cannot know they could choose them to collide.
class DataKeyHash {
 public:
  explicit DataKeyHash(RandomSource& random) : salt_{random.next() | 1, random.next() | 1} {}
  std::size_t operator()(const DataKey& key) const noexcept { return of(key.bytes); }

 protected:
  std::size_t of(const std::array<std::uint8_t, 16>& bytes) const noexcept {
    std::uint64_t half[2];
    std::memcpy(half, bytes.data(), sizeof half);
    // Multiply-shift of both halves (Dietzfelbinger et al., 1997).
    std::uint64_t h = (half[0] ^ salt_[1]) * salt_[0] ^ (half[1] ^ salt_[0]) * salt_[1];
    h ^= h >> 32;
    return static_cast<std::size_t>(h * salt_[0] >> 8);
  }

 private:
  std::uint64_t salt_[2];
};

/// A session's public number; written "s-2f" in messages and logs.
enum class SessionId : std::uint64_t {};
std::string toString(SessionId id);
std::optional<SessionId> parseSessionId(std::string_view text);

/// One control connection at the server; never reused, so that a late event of an old one finds nothing.
enum class ControlId : std::uint64_t {};

/// A side's number of a UDP session on the wire (docs/PROTOCOL.md, section 6).
enum class UdpSession : std::uint32_t {};

}  // namespace chuantou

template <>
struct std::hash<chuantou::PublicKey> {
  /// The bytes are a point on a curve, as good as random unless somebody searched for it: for tables of few entries.
  std::size_t operator()(const chuantou::PublicKey& key) const noexcept {
    std::size_t h;
    std::memcpy(&h, key.bytes.data(), sizeof h);
    return h;
  }
};

template <>
struct std::hash<chuantou::ClientId> {
  std::size_t operator()(const chuantou::ClientId& id) const noexcept { return std::hash<std::string>{}(id.str()); }
};
