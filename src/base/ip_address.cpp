#include "base/ip_address.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace chuantou {

namespace {

std::optional<IpAddress::V4> parseV4(std::string_view text) {
  IpAddress::V4 out{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i > 0 && (at >= text.size() || text[at++] != '.')) return std::nullopt;
    const std::size_t begin = at;
    unsigned value = 0;
    while (at < text.size() && at - begin < 3 && text[at] >= '0' && text[at] <= '9') {
      value = value * 10 + static_cast<unsigned>(text[at++] - '0');
    }
    // A leading zero is octal to some readers and nothing to others (RFC 6943, section 3.1.1).
    if (at == begin || value > 255 || (text[begin] == '0' && at - begin > 1)) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(value);
  }
  if (at != text.size()) return std::nullopt;
  return out;
}

std::optional<unsigned> parseGroup(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                           : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                  : 16;
    if (digit == 16) return std::nullopt;
    value = value << 4 | digit;
  }
  return value;
}

/// Groups and a dotted quad at the end, without "::". The number of bytes, at most 16; nothing if it cannot be read.
std::optional<std::size_t> parseGroups(std::string_view text, bool quadAtEnd, IpAddress::V6& out) {
  std::size_t size = 0;
  if (text.empty()) return size;
  for (;;) {
    const std::size_t colon = text.find(':');
    const std::string_view one = text.substr(0, colon);
    if (quadAtEnd && colon == std::string_view::npos && one.find('.') != std::string_view::npos) {
      const auto quad = parseV4(one);
      if (!quad || size + 4 > out.size()) return std::nullopt;
      std::copy(quad->begin(), quad->end(), out.begin() + static_cast<std::ptrdiff_t>(size));
      return size + 4;
    }
    const auto group = parseGroup(one);
    if (!group || size + 2 > out.size()) return std::nullopt;
    out[size++] = static_cast<std::uint8_t>(*group >> 8);
    out[size++] = static_cast<std::uint8_t>(*group & 0xff);
    if (colon == std::string_view::npos) return size;
    text = text.substr(colon + 1);
  }
}

std::optional<IpAddress::V6> parseV6(std::string_view text) {
  IpAddress::V6 out{};
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    const auto size = parseGroups(text, true, out);
    return size == out.size() ? std::optional{out} : std::nullopt;
  }
  IpAddress::V6 tail{};
  const auto before = parseGroups(text.substr(0, gap), false, out);
  const auto after = parseGroups(text.substr(gap + 2), true, tail);
  if (!before || !after || *before + *after > out.size() - 2) return std::nullopt;  // "::" stands for a group at least
  std::copy_n(tail.begin(), *after, out.end() - static_cast<std::ptrdiff_t>(*after));
  return out;
}

struct Special {
  IpBlock block;
  AddressKind kind;
};

constexpr IpAddress::V4 v4(unsigned a, unsigned b, unsigned c, unsigned d) {
  return {static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b), static_cast<std::uint8_t>(c),
          static_cast<std::uint8_t>(d)};
}

/// From eight groups, as they are written.
constexpr IpAddress::V6 v6(const std::array<unsigned, 8>& groups) {
  IpAddress::V6 out{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    out[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    out[2 * i + 1] = static_cast<std::uint8_t>(groups[i] & 0xff);
  }
  return out;
}

/// The first that fits counts.
const Special kSpecial[] = {
    {{IpAddress{v4(127, 0, 0, 0)}, 8}, AddressKind::loopback},
    {{IpAddress{v4(0, 0, 0, 0)}, 8}, AddressKind::unspecified},
    // Of most clouds, AWS, Azure and Google among them; of AWS's containers (two); Tencent; Scaleway.
    {{IpAddress{v4(169, 254, 169, 254)}, 32}, AddressKind::metadata},
    {{IpAddress{v4(169, 254, 170, 2)}, 32}, AddressKind::metadata},
    {{IpAddress{v4(169, 254, 170, 23)}, 32}, AddressKind::metadata},
    {{IpAddress{v4(169, 254, 0, 23)}, 32}, AddressKind::metadata},
    {{IpAddress{v4(169, 254, 42, 42)}, 32}, AddressKind::metadata},
    {{IpAddress{v4(169, 254, 0, 0)}, 16}, AddressKind::linkLocal},
    {{IpAddress{v4(100, 100, 100, 200)}, 32}, AddressKind::metadata},  // Alibaba
    {{IpAddress{v4(168, 63, 129, 16)}, 32}, AddressKind::metadata},    // Azure's wire server
    {{IpAddress{v4(192, 0, 0, 192)}, 32}, AddressKind::metadata},      // Oracle Cloud Classic
    {{IpAddress{v4(224, 0, 0, 0)}, 4}, AddressKind::multicast},
    {{IpAddress{v4(255, 255, 255, 255)}, 32}, AddressKind::broadcast},

    {{IpAddress{v6({0, 0, 0, 0, 0, 0, 0, 1})}, 128}, AddressKind::loopback},
    {{IpAddress{v6({})}, 128}, AddressKind::unspecified},
    // v4-compatible (RFC 4291, section 2.5.5.1), v4-mapped (section 2.5.5.2), v4-translated (RFC 2765, section 2.1), and
    // a network's own NAT64, of which only the network knows where the IPv4 address stands (RFC 8215).
    {{IpAddress{v6({})}, 96}, AddressKind::embedded},
    {{IpAddress{v6({0, 0, 0, 0, 0, 0xffff, 0, 0})}, 96}, AddressKind::embedded},
    {{IpAddress{v6({0, 0, 0, 0, 0xffff, 0, 0, 0})}, 96}, AddressKind::embedded},
    {{IpAddress{v6({0x64, 0xff9b, 1, 0, 0, 0, 0, 0})}, 48}, AddressKind::embedded},
    {{IpAddress{v6({0xfd00, 0xec2, 0, 0, 0, 0, 0, 0})}, 32}, AddressKind::metadata},            // AWS's own services
    {{IpAddress{v6({0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254})}, 128}, AddressKind::metadata},        // Google
    {{IpAddress{v6({0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe})}, 128}, AddressKind::metadata},  // Oracle
    {{IpAddress{v6({0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42})}, 128}, AddressKind::metadata},         // Scaleway
    {{IpAddress{v6({0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1})}, 128}, AddressKind::metadata},     // Linode
    {{IpAddress{v6({0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe})}, 128}, AddressKind::metadata},     // OpenStack
    {{IpAddress{v6({0xfe80, 0, 0, 0, 0, 0, 0, 0})}, 10}, AddressKind::linkLocal},
    {{IpAddress{v6({0xfec0, 0, 0, 0, 0, 0, 0, 0})}, 10}, AddressKind::linkLocal},
    {{IpAddress{v6({0xff00, 0, 0, 0, 0, 0, 0, 0})}, 8}, AddressKind::multicast},
};

IpAddress quadAt(const IpAddress::V6& bytes, std::size_t at, std::uint8_t flip = 0) {
  const auto one = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[at + i] ^ flip); };
  return IpAddress{IpAddress::V4{one(0), one(1), one(2), one(3)}};
}

/// Whether a tunnel or translator would make of this an IPv4 address that may not be dialled.
bool hidesForbidden(const IpAddress& address) {
  static const IpBlock kNat64{IpAddress{v6({0x64, 0xff9b, 0, 0, 0, 0, 0, 0})}, 96};  // RFC 6052, section 2.1
  static const IpBlock k6to4{IpAddress{v6({0x2002, 0, 0, 0, 0, 0, 0, 0})}, 16};      // RFC 3056
  static const IpBlock kTeredo{IpAddress{v6({0x2001, 0, 0, 0, 0, 0, 0, 0})}, 32};    // RFC 4380, section 4
  const auto hides = [](const IpAddress& quad) { return kindOf(quad) != AddressKind::ordinary; };
  const IpAddress::V6& bytes = address.v6();
  if (kNat64.contains(address)) return hides(quadAt(bytes, 12));
  if (k6to4.contains(address)) return hides(quadAt(bytes, 2));
  if (kTeredo.contains(address)) return hides(quadAt(bytes, 4)) || hides(quadAt(bytes, 12, 0xff));
  // ISATAP, RFC 5214, section 6.1, under any prefix.
  const bool isatap = (bytes[8] & 0xfd) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
  return isatap && hides(quadAt(bytes, 12));
}

}  // namespace

IpAddress::IpAddress(const V4& bytes) { std::copy(bytes.begin(), bytes.end(), bytes_.begin()); }

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const auto v4 = parseV4(text);
    return v4 ? std::optional{IpAddress{*v4}} : std::nullopt;
  }
  const auto v6 = parseV6(text);
  return v6 ? std::optional{IpAddress{*v6}} : std::nullopt;
}

std::string IpAddress::str() const {
  if (!v6_) return fmt::format("{}.{}.{}.{}", bytes_[0], bytes_[1], bytes_[2], bytes_[3]);
  const auto group = [this](std::size_t i) { return static_cast<unsigned>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]); };
  // The longest run of zeros, the first of several, two groups at least (RFC 5952, section 4.2).
  std::size_t gap = 8;
  std::size_t length = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && group(end) == 0) ++end;
    if (end - i > length) {
      gap = i;
      length = end - i;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == gap) {
      out += "::";
      i += length - 1;
    } else {
      if (!out.empty() && out.back() != ':') out += ':';
      out += fmt::format("{:x}", group(i));
    }
  }
  return out;
}

std::optional<IpBlock> IpBlock::of(const IpAddress& base, unsigned prefix) {
  if (prefix > base.bits()) return std::nullopt;
  for (unsigned bit = prefix; bit < base.bits(); ++bit) {
    if ((base.v6()[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return IpBlock{base, prefix};
}

bool IpBlock::contains(const IpAddress& address) const {
  if (address.isV6() != base.isV6()) return false;
  for (unsigned bit = 0; bit < prefix; bit += 8) {
    const unsigned mask = prefix - bit >= 8 ? 0xffu : 0xffu << (8 - (prefix - bit)) & 0xffu;
    if (((address.v6()[bit / 8] ^ base.v6()[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

AddressKind kindOf(const IpAddress& address) { return kindOf(IpBlock::single(address)); }

AddressKind kindOf(const IpBlock& block) {
  for (const Special& special : kSpecial) {
    if (block.isWithin(special.block)) return special.kind;
  }
  const bool single = block.prefix == block.base.bits();
  return single && block.base.isV6() && hidesForbidden(block.base) ? AddressKind::embedded : AddressKind::ordinary;
}

const char* describe(AddressKind kind) {
  switch (kind) {
    case AddressKind::ordinary:
      return "an address";
    case AddressKind::loopback:
      return "a loopback address";
    case AddressKind::unspecified:
      return "no host's address";
    case AddressKind::linkLocal:
      return "a link-local address";
    case AddressKind::multicast:
      return "a multicast address";
    case AddressKind::broadcast:
      return "the broadcast address";
    case AddressKind::metadata:
      return "a cloud's metadata address";
    case AddressKind::embedded:
      return "an IPv4 address inside an IPv6 address";
  }
  return "";
}

}  // namespace chuantou
