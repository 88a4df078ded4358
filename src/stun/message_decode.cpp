#include <algorithm>

#include "base/bytes.hpp"
#include "crypto/hmac.hpp"
#include "stun/fingerprint.hpp"
#include "stun/message.hpp"

namespace chuantou::stun {

namespace {

using Bytes = std::span<const std::uint8_t>;

Error malformed(const char* why) { return Error{Errc::protocol_error, "a STUN message", why}; }

struct Field {
  std::uint16_t type = 0;
  std::size_t at = 0;  ///< of its header, in the message
  Bytes value;
};

/// Walks the attributes of a message whose header was looked at.
class Fields {
 public:
  explicit Fields(Bytes message) : message_(message) {}

  bool atEnd() const { return at_ == message_.size(); }
  /// Nothing when it does not fit.
  std::optional<Field> next() {
    const Bytes rest = message_.subspan(at_);
    if (rest.size() < 4) return std::nullopt;
    const std::size_t size = loadU16(&rest[2]);
    const std::size_t padded = (size + 3) / 4 * 4;
    if (rest.size() - 4 < padded) return std::nullopt;
    Field field{loadU16(rest.data()), at_, rest.subspan(4, size)};
    at_ += 4 + padded;
    return field;
  }

 private:
  Bytes message_;
  std::size_t at_ = kHeaderSize;
};

bool isHeaderSound(Bytes datagram) {
  return datagram.size() >= kHeaderSize && datagram[0] < 0x40 && datagram.size() % 4 == 0 &&
         loadU16(&datagram[2]) == datagram.size() - kHeaderSize;
}

/// `mask` is empty, or what the address is XORed with: 16 bytes from the cookie on.
std::optional<UdpAddress> readAddress(Bytes value, Bytes mask = {}) {
  const auto fits = [&](std::uint8_t family, std::size_t size) {
    return value.size() == 4 + size && value[1] == family;  // the first byte is ignored (section 14.1)
  };
  if (!fits(1, 4) && !fits(2, 16)) return std::nullopt;
  UdpAddress address;
  IpAddress::V6 ip{};
  std::copy(value.begin() + 4, value.end(), ip.begin());
  address.port = loadU16(&value[2]);
  if (!mask.empty()) {
    address.port ^= loadU16(mask.data());
    for (std::size_t i = 0; i < value.size() - 4; ++i) ip[i] ^= mask[i];
  }
  address.ip = value[1] == 2 ? IpAddress{ip} : IpAddress{IpAddress::V4{ip[0], ip[1], ip[2], ip[3]}};
  return address;
}

std::optional<std::string> readText(Bytes value, std::size_t limit) {
  if (value.size() > limit) return std::nullopt;
  return std::string{value.begin(), value.end()};
}

std::optional<ErrorCode> readError(Bytes value) {
  if (value.size() < 4 || value.size() > 4 + kMaxText) return std::nullopt;
  const unsigned hundreds = value[2] & 7u;
  if (hundreds < 3 || hundreds > 6 || value[3] > 99) return std::nullopt;
  return ErrorCode{hundreds * 100 + value[3], std::string{value.begin() + 4, value.end()}};
}

std::optional<std::vector<std::uint16_t>> readTypes(Bytes value) {
  if (value.size() % 2 != 0) return std::nullopt;
  std::vector<std::uint16_t> types(value.size() / 2);
  for (std::size_t i = 0; i < types.size(); ++i) types[i] = loadU16(&value[2 * i]);
  return types;
}

std::optional<ChangeRequest> readChange(Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return ChangeRequest{(value[3] & 4) != 0, (value[3] & 2) != 0};
}

/// The RFC has two bytes and padding; some send four.
std::optional<std::uint16_t> readPort(Bytes value) {
  if (value.size() != 2 && value.size() != 4) return std::nullopt;
  return loadU16(value.data());
}

std::optional<std::uint32_t> readU32(Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return loadU32(value.data());
}

std::optional<std::uint64_t> readU64(Bytes value) {
  if (value.size() != 8) return std::nullopt;
  return loadU64(value.data());
}

/// False: malformed.
template <class T>
bool keep(std::optional<T>& slot, std::optional<T> read) {
  slot = std::move(read);
  return slot.has_value();
}

enum class Read { good, malformed, unknown };

Read readInto(Message& message, const Field& field, Bytes datagram) {
  const Bytes value = field.value;
  const auto told = [](bool good) { return good ? Read::good : Read::malformed; };
  switch (static_cast<Attribute>(field.type)) {
    case Attribute::mappedAddress:
      return told(keep(message.mappedAddress, readAddress(value)));
    case Attribute::xorMappedAddress:
      return told(keep(message.xorMappedAddress, readAddress(value, datagram.subspan(4, 16))));
    case Attribute::sourceAddress:
      return told(keep(message.sourceAddress, readAddress(value)));
    case Attribute::changedAddress:
      return told(keep(message.changedAddress, readAddress(value)));
    case Attribute::responseOrigin:
      return told(keep(message.responseOrigin, readAddress(value)));
    case Attribute::otherAddress:
      return told(keep(message.otherAddress, readAddress(value)));
    case Attribute::changeRequest:
      return told(keep(message.changeRequest, readChange(value)));
    case Attribute::responsePort:
      return told(keep(message.responsePort, readPort(value)));
    case Attribute::padding:
      message.padding = static_cast<std::uint16_t>(value.size());
      return Read::good;
    case Attribute::errorCode:
      return told(keep(message.errorCode, readError(value)));
    case Attribute::unknownAttributes: {
      auto types = readTypes(value);
      if (types) message.unknownAttributes = std::move(*types);
      return told(types.has_value());
    }
    case Attribute::username:
      return told(keep(message.username, readText(value, kMaxUsername)));
    case Attribute::userhash:
      return told(value.size() == 32 && keep(message.userhash, readText(value, 32)));
    case Attribute::realm:
      return told(keep(message.realm, readText(value, kMaxText)));
    case Attribute::nonce:
      return told(keep(message.nonce, readText(value, kMaxText)));
    case Attribute::software:
      return told(keep(message.software, readText(value, kMaxText)));
    case Attribute::priority:
      return told(keep(message.priority, readU32(value)));
    case Attribute::useCandidate:
      message.useCandidate = value.empty();
      return told(value.empty());
    case Attribute::iceControlled:
      return told(keep(message.iceControlled, readU64(value)));
    case Attribute::iceControlling:
      return told(keep(message.iceControlling, readU64(value)));
    case Attribute::messageIntegrity:
      message.hasIntegrity = value.size() == crypto::HmacSha1{}.size();
      return told(message.hasIntegrity);
    case Attribute::messageIntegritySha256:
      // It may be cut short, but not to less than half (section 14.6).
      message.hasIntegritySha256 = value.size() >= 16 && value.size() <= 32 && value.size() % 4 == 0;
      return told(message.hasIntegritySha256);
    case Attribute::fingerprint:
      message.hasFingerprint = value.size() == 4 && loadU32(value.data()) == fingerprintOf(datagram.first(field.at));
      return told(message.hasFingerprint);
  }
  return Read::unknown;
}

/// Behind an integrity attribute stands only what says more of the integrity (sections 14.5 and 14.6).
bool isBehindIntegrity(const Message& message, Attribute type) {
  if (type == Attribute::fingerprint) return false;
  if (message.hasIntegritySha256) return true;
  return message.hasIntegrity && type != Attribute::messageIntegritySha256;
}

Result<Message> decodeHeader(Bytes datagram) {
  if (!isHeaderSound(datagram)) return malformed("a header that is no STUN header, or another length than it says");
  const unsigned type = loadU16(datagram.data());
  Message message;
  message.kind = static_cast<MessageClass>((type >> 7 & 2) | (type >> 4 & 1));
  message.method = static_cast<Method>((type >> 2 & 0xf80) | (type >> 1 & 0x070) | (type & 0x00f));
  message.cookie = loadU32(&datagram[4]);
  std::copy_n(datagram.begin() + 8, message.id.bytes.size(), message.id.bytes.begin());
  return message;
}

}  // namespace

bool isStun(Bytes datagram) {
  return datagram.size() >= kHeaderSize && datagram[0] < 0x40 && loadU32(&datagram[4]) == kMagicCookie;
}

bool isClassicRequest(Bytes datagram) {
  return isHeaderSound(datagram) && loadU16(datagram.data()) == 0x0001 && loadU32(&datagram[4]) != kMagicCookie;
}

Result<Message> decode(Bytes datagram) {
  if (!isStun(datagram)) return malformed("no magic cookie");
  return decodeAny(datagram);
}

Result<Message> decodeAny(Bytes datagram) {
  auto header = decodeHeader(datagram);
  if (!header) return header;
  Message message = std::move(*header);
  std::vector<std::uint16_t> seen;
  Fields fields{datagram};
  for (std::size_t count = 1; !fields.atEnd(); ++count) {
    if (count > kMaxAttributes) return malformed("too many attributes");
    const auto field = fields.next();
    if (!field) return malformed("an attribute longer than the message");
    if (message.hasFingerprint) return malformed("an attribute behind the fingerprint");
    const auto type = static_cast<Attribute>(field->type);
    if (isBehindIntegrity(message, type)) continue;
    switch (const bool again = std::ranges::find(seen, field->type) != seen.end();
            again ? Read::good : readInto(message, *field, datagram)) {
      case Read::good:
        break;
      case Read::malformed:
        if (mustBeUnderstood(field->type) || type == Attribute::fingerprint) return malformed("an attribute's value");
        break;
      case Read::unknown:
        if (mustBeUnderstood(field->type)) message.notUnderstood.push_back(field->type);
        break;
    }
    seen.push_back(field->type);
  }
  return message;
}

bool verifyIntegrity(Bytes datagram, Integrity kind, Bytes key) {
  if (!isHeaderSound(datagram) || kind == Integrity::none) return false;
  bool wantSha1 = kind != Integrity::sha256;
  bool wantSha256 = kind != Integrity::sha1;
  Fields fields{datagram};
  while ((wantSha1 || wantSha256) && !fields.atEnd()) {
    const auto field = fields.next();
    if (!field) return false;
    const auto type = static_cast<Attribute>(field->type);
    const bool sha1 = wantSha1 && type == Attribute::messageIntegrity;
    const bool sha256 = wantSha256 && type == Attribute::messageIntegritySha256;
    if (!sha1 && !sha256) continue;
    // Over what stands before it, with a length as if the message ended behind it.
    std::vector<std::uint8_t> before(datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(field->at));
    storeU16(&before[2], static_cast<std::uint16_t>(field->at + 4 + field->value.size() - kHeaderSize));
    // A SHA-256 that is cut short is refused: no usage here allows it (section 14.6).
    if (sha1 && !crypto::sameMac(crypto::hmacSha1(key, before), field->value)) return false;
    if (sha256 && !crypto::sameMac(crypto::hmacSha256(key, before), field->value)) return false;
    (sha1 ? wantSha1 : wantSha256) = false;
  }
  return !wantSha1 && !wantSha256;
}

}  // namespace chuantou::stun
