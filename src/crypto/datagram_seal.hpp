// Datagrams that only the other client can read: each one encrypted by itself, numbered, and taken once (docs/PROTOCOL.md,
// section 6; docs/decisions/0009).
//
//     0              8
//     +--------------+----------------------+----------+
//     | number (8)   | ciphertext           | tag (16) |
//     +--------------+----------------------+----------+
//
// AES-128-GCM or ChaCha20-Poly1305, as the session's TLS has it; the nonce is the direction's IV XOR the number, as in
// TLS 1.3 (RFC 8446, section 5.3).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

struct evp_cipher_ctx_st;

namespace chuantou::crypto {

class TlsSession;

/// What one direction of a flow is encrypted with.
struct SealKey {
  std::array<std::uint8_t, 32> key{};  ///< AES-128 takes the first half
  std::array<std::uint8_t, 12> iv{};
  bool chaCha20 = false;
};

struct SealKeys {
  SealKey initiatorToTarget;
  SealKey targetToInitiator;
};

/// The key that follows: after every kSealEpoch datagrams, long before AES-GCM's limit (RFC 9001, appendix B).
SealKey nextSealKey(const SealKey& key);
inline constexpr std::uint64_t kSealEpoch = std::uint64_t{1} << 24;

/// The keys of one flow, alike on both sides of the session. `context` must never repeat within it.
/// Throws Error(system_error).
SealKeys exportSealKeys(const TlsSession& session, std::span<const std::uint8_t> context);

inline constexpr std::size_t kSealNumber = 8;
inline constexpr std::size_t kSealTag = 16;
inline constexpr std::size_t kSealOverhead = kSealNumber + kSealTag;

class DatagramSealer {
 public:
  /// Tests have shorter epochs.
  explicit DatagramSealer(const SealKey& key, std::uint64_t epoch = kSealEpoch);
  /// `out` has kSealOverhead bytes more than `datagram`, and does not overlap it.
  void seal(std::span<const std::uint8_t> datagram, std::span<std::uint8_t> out);

 private:
  std::shared_ptr<evp_cipher_ctx_st> cipher_;
  SealKey key_;
  std::uint64_t epoch_;
  std::uint64_t next_ = 0;
};

/// Which numbers have been seen: the newest one and the kSize before it (after RFC 6479).
class ReplayWindow {
 public:
  static constexpr std::uint64_t kSize = 1024;
  /// Has not been seen, and is not too old to tell.
  bool isNew(std::uint64_t number) const noexcept;
  void mark(std::uint64_t number) noexcept;

 private:
  static constexpr std::uint64_t kWords = kSize / 64 + 1;
  std::array<std::uint64_t, kWords> words_{};
  std::uint64_t newest_ = 0;
  bool any_ = false;
};

class DatagramOpener {
 public:
  explicit DatagramOpener(const SealKey& key, std::uint64_t epoch = kSealEpoch);
  /// The datagram, decrypted in place; nothing for one that is forged, damaged, replayed or too old.
  std::optional<std::span<std::uint8_t>> open(std::span<std::uint8_t> sealed);

 private:
  struct Epoch {
    SealKey key;
    std::shared_ptr<evp_cipher_ctx_st> cipher;
  };
  Epoch& at(std::uint64_t index) { return epochs_[index % epochs_.size()]; }

  /// The newest one and, for those that were overtaken, the one before; the next one while its first datagram is judged.
  std::array<Epoch, 3> epochs_;
  std::uint64_t epoch_;
  std::uint64_t current_ = 0;
  ReplayWindow window_;
};

}  // namespace chuantou::crypto
