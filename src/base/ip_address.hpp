// IP addresses as values: read strictly, and told apart by what a connection to them would reach.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chuantou {

class IpAddress {
 public:
  using V4 = std::array<std::uint8_t, 4>;
  using V6 = std::array<std::uint8_t, 16>;

  IpAddress() = default;  ///< 0.0.0.0
  explicit IpAddress(const V4& bytes);
  explicit IpAddress(const V6& bytes) : v6_(true), bytes_(bytes) {}

  /// IPv4 as four decimal numbers without leading zeros, nothing else of what inet_aton() would read; IPv6 in any form
  /// of RFC 4291, section 2.2, without brackets or a scope id.
  static std::optional<IpAddress> parse(std::string_view text);
  /// The form of RFC 5952.
  std::string str() const;

  bool isV6() const noexcept { return v6_; }
  unsigned bits() const noexcept { return v6_ ? 128 : 32; }
  V4 v4() const noexcept { return {bytes_[0], bytes_[1], bytes_[2], bytes_[3]}; }
  const V6& v6() const noexcept { return bytes_; }
  auto operator<=>(const IpAddress&) const = default;

 private:
  bool v6_ = false;
  V6 bytes_{};  ///< of an IPv4 address the first four
};

/// All addresses that begin with the same bits (CIDR).
struct IpBlock {
  IpAddress base;
  unsigned prefix = 0;

  /// Nothing if bits after the prefix are set, or there are not so many.
  static std::optional<IpBlock> of(const IpAddress& base, unsigned prefix);
  static IpBlock single(const IpAddress& address) { return {address, address.bits()}; }
  bool contains(const IpAddress& address) const;
  /// Every address of this one is an address of `other`.
  bool isWithin(const IpBlock& other) const { return prefix >= other.prefix && other.contains(base); }
  bool operator==(const IpBlock&) const = default;
};

enum class AddressKind {
  ordinary,
  loopback,     ///< 127.0.0.0/8, ::1
  unspecified,  ///< 0.0.0.0/8 (RFC 1122, section 3.2.1.3) and ::, which systems take for themselves
  linkLocal,    ///< 169.254.0.0/16, fe80::/10, and the old site-local fec0::/10
  multicast,
  broadcast,
  metadata,  ///< where clouds give a machine its secrets
  embedded,  ///< an IPv4 address in IPv6 clothes: always, or where that IPv4 address could not be dialled itself
};

AddressKind kindOf(const IpAddress& address);
/// The kind of all of a block's addresses, where they have one in common that is not `ordinary`.
AddressKind kindOf(const IpBlock& block);
/// Never to be dialled for a peer, whatever the rules say.
constexpr bool isForbidden(AddressKind kind) { return kind != AddressKind::ordinary && kind != AddressKind::loopback; }
/// "a multicast address"
const char* describe(AddressKind kind);

}  // namespace chuantou
