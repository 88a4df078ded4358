// Where a connection or a datagram comes from, as limits count it.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "base/ip_address.hpp"
#include "base/random.hpp"

namespace chuantou {

/// An IPv4 address, or the /64 of an IPv6 address: a network's customer has at least all of a /64 (RFC 6177), so that
/// counting single addresses would count nothing. A v4-mapped address (RFC 4291, section 2.5.5.2) counts as the IPv4 one.
class Source {
 public:
  Source() = default;
  static Source of(const IpAddress& address) { return address.isV6() ? ofV6(address.v6()) : ofV4(address.v4()); }
  static Source ofV4(const std::array<std::uint8_t, 4>& address) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : address) number = number << 8 | byte;
    return Source{number, false};
  }
  static Source ofV6(const std::array<std::uint8_t, 16>& address) {
    constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::memcmp(address.data(), kMapped.data(), kMapped.size()) == 0) {
      return ofV4({address[12], address[13], address[14], address[15]});
    }
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 8; ++i) number = number << 8 | address[i];
    return Source{number, true};
  }
  bool operator==(const Source&) const = default;

 private:
  friend class SourceHash;
  Source(std::uint64_t number, bool v6) : number_(number), v6_(v6) {}

  std::uint64_t number_ = 0;
  bool v6_ = false;
};

/// Whoever has a /32 may choose among 2^32 sources: salted, so that he cannot choose them to collide.
class SourceHash {
 public:
  explicit SourceHash(RandomSource& random) : salt_{random.next() | 1, random.next() | 1} {}
  std::size_t operator()(const Source& source) const noexcept {
    // Multiply-shift (Dietzfelbinger et al., 1997), once for each half.
    std::uint64_t h = (source.number_ ^ (source.v6_ ? salt_[1] : 0)) * salt_[0];
    h ^= h >> 32;
    return static_cast<std::size_t>(h * salt_[1] >> 8);
  }

 private:
  std::uint64_t salt_[2];
};

}  // namespace chuantou
