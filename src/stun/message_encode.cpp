#include <algorithm>
#include <string_view>

#include "base/bytes.hpp"
#include "crypto/hmac.hpp"
#include "stun/fingerprint.hpp"
#include "stun/message.hpp"

namespace chuantou::stun {

namespace {

/// M11..M7 C1 M6..M4 C0 M3..M0 (RFC 8489, section 5).
std::uint16_t typeOf(MessageClass kind, Method method) {
  const auto m = static_cast<unsigned>(method) & 0xfff;
  const auto c = static_cast<unsigned>(kind);
  return static_cast<std::uint16_t>((m & 0xf80) << 2 | (m & 0x070) << 1 | (m & 0x00f) | (c & 2) << 7 | (c & 1) << 4);
}

class Writer {
 public:
  explicit Writer(const Message& message) : bytes_(kHeaderSize) {
    storeU16(&bytes_[0], typeOf(message.kind, message.method));
    storeU32(&bytes_[4], message.cookie);
    std::copy(message.id.bytes.begin(), message.id.bytes.end(), bytes_.begin() + 8);
  }

  /// Zeros, padding included, to be written to until the next one is added.
  std::span<std::uint8_t> add(Attribute type, std::size_t size) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + 4 + (size + 3) / 4 * 4);
    storeU16(&bytes_[at], static_cast<std::uint16_t>(type));
    storeU16(&bytes_[at + 2], static_cast<std::uint16_t>(size));
    storeU16(&bytes_[2], static_cast<std::uint16_t>(bytes_.size() - kHeaderSize));
    return std::span{bytes_}.subspan(at + 4, size);
  }
  void addText(Attribute type, const std::optional<std::string>& text, std::size_t limit) {
    if (!text) return;
    const std::string_view cut = std::string_view{*text}.substr(0, limit);
    std::ranges::copy(cut, add(type, cut.size()).begin());
  }
  void addNumber(Attribute type, const std::optional<std::uint64_t>& number) {
    if (number) storeU64(add(type, 8).data(), *number);
  }
  void addAddress(Attribute type, const std::optional<UdpAddress>& address) {
    if (!address) return;
    const std::size_t ipSize = address->ip.isV6() ? 16 : 4;
    const auto out = add(type, 4 + ipSize);
    out[1] = address->ip.isV6() ? 2 : 1;
    storeU16(&out[2], address->port);
    std::copy_n(address->ip.v6().begin(), ipSize, out.begin() + 4);
    if (type != Attribute::xorMappedAddress) return;
    // Against NATs that rewrite addresses wherever they see them: XORed with the cookie and, for IPv6, the id.
    for (std::size_t i = 0; i < 2; ++i) out[2 + i] ^= bytes_[4 + i];
    for (std::size_t i = 0; i < ipSize; ++i) out[4 + i] ^= bytes_[4 + i];
  }

  const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

void addError(Writer& writer, const ErrorCode& error) {
  const std::string_view reason = std::string_view{error.reason}.substr(0, kMaxText);
  const auto out = writer.add(Attribute::errorCode, 4 + reason.size());
  out[2] = static_cast<std::uint8_t>(error.code / 100 & 7);
  out[3] = static_cast<std::uint8_t>(error.code % 100);
  std::ranges::copy(reason, out.begin() + 4);
}

/// Over the message up to the attribute, whose length already counts it (RFC 8489, section 14.5).
template <class Hmac>
void addIntegrity(Writer& writer, Attribute type, Hmac&& hmac, std::size_t size) {
  const std::size_t end = writer.bytes().size();
  const auto out = writer.add(type, size);
  const auto mac = hmac(std::span{writer.bytes()}.first(end));
  std::ranges::copy(mac, out.begin());
}

}  // namespace

TransactionId TransactionId::random(RandomSource& source) {
  TransactionId id;
  source.fill(id.bytes);
  return id;
}

std::vector<std::uint8_t> encode(const Message& message, const Sealing& sealing) {
  Writer writer{message};
  writer.addText(Attribute::software, message.software, kMaxText);
  if (message.changeRequest) {
    writer.add(Attribute::changeRequest, 4)[3] =
        static_cast<std::uint8_t>((message.changeRequest->ip ? 4 : 0) | (message.changeRequest->port ? 2 : 0));
  }
  if (message.responsePort) storeU16(writer.add(Attribute::responsePort, 2).data(), *message.responsePort);
  if (message.padding) writer.add(Attribute::padding, *message.padding);
  if (message.errorCode) addError(writer, *message.errorCode);
  if (!message.unknownAttributes.empty()) {
    auto out = writer.add(Attribute::unknownAttributes, 2 * message.unknownAttributes.size());
    for (std::size_t i = 0; i < message.unknownAttributes.size(); ++i)
      storeU16(&out[2 * i], message.unknownAttributes[i]);
  }
  writer.addAddress(Attribute::mappedAddress, message.mappedAddress);
  writer.addAddress(Attribute::xorMappedAddress, message.xorMappedAddress);
  writer.addAddress(Attribute::sourceAddress, message.sourceAddress);
  writer.addAddress(Attribute::changedAddress, message.changedAddress);
  writer.addAddress(Attribute::responseOrigin, message.responseOrigin);
  writer.addAddress(Attribute::otherAddress, message.otherAddress);
  if (message.priority) storeU32(writer.add(Attribute::priority, 4).data(), *message.priority);
  if (message.useCandidate) writer.add(Attribute::useCandidate, 0);
  writer.addNumber(Attribute::iceControlled, message.iceControlled);
  writer.addNumber(Attribute::iceControlling, message.iceControlling);
  writer.addText(Attribute::username, message.username, kMaxUsername);
  writer.addText(Attribute::userhash, message.userhash, 32);
  writer.addText(Attribute::nonce, message.nonce, kMaxText);
  writer.addText(Attribute::realm, message.realm, kMaxText);

  const auto sha1 = [&](std::span<const std::uint8_t> bytes) { return crypto::hmacSha1(sealing.key, bytes); };
  const auto sha256 = [&](std::span<const std::uint8_t> bytes) { return crypto::hmacSha256(sealing.key, bytes); };
  if (sealing.integrity == Integrity::sha1 || sealing.integrity == Integrity::both) {
    addIntegrity(writer, Attribute::messageIntegrity, sha1, crypto::HmacSha1{}.size());
  }
  if (sealing.integrity == Integrity::sha256 || sealing.integrity == Integrity::both) {
    addIntegrity(writer, Attribute::messageIntegritySha256, sha256, crypto::HmacSha256{}.size());
  }
  if (sealing.fingerprint) {
    const std::size_t end = writer.bytes().size();
    const auto out = writer.add(Attribute::fingerprint, 4);
    storeU32(out.data(), fingerprintOf(std::span{writer.bytes()}.first(end)));
  }
  return writer.take();
}

}  // namespace chuantou::stun
