#include "stun/responder.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace chuantou::stun {

namespace {

constexpr std::uint16_t kBindingRequest = 0x0001;
/// As much as a link takes, rounded up to four (RFC 5780, section 7.6); and never more than was asked with.
constexpr std::uint16_t kMaxPadding = 1'500;

/// What the server cannot do for this request.
std::vector<std::uint16_t> unknownIn(const Message& request, bool hasOther) {
  std::vector<std::uint16_t> unknown = request.notUnderstood;
  // RFC 5780, section 6; but RFC 3489's clients always send the attribute, mostly to ask for nothing.
  const bool change = request.changeRequest && (!request.isClassic() || *request.changeRequest != ChangeRequest{});
  if (change && !hasOther) unknown.push_back(static_cast<std::uint16_t>(Attribute::changeRequest));
  if (request.isClassic() && request.responsePort)
    unknown.push_back(static_cast<std::uint16_t>(Attribute::responsePort));
  // In RFC 3489 there is no padding: one of them comes twice (section 11.2.10).
  if (request.isClassic() && unknown.size() % 2 != 0) unknown.push_back(unknown.back());
  return unknown;
}

Message answerTo(const Message& request, MessageClass kind) {
  Message answer;
  answer.kind = kind;
  answer.id = request.id;
  answer.cookie = request.cookie;
  return answer;
}

/// What answers it: 0, success.
unsigned codeFor(const Message& request, const std::vector<std::uint16_t>& unknown) {
  if (!unknown.empty()) return kUnknownAttribute;
  // Not both, by RFC 5780, section 6.1; and nobody has port 0.
  if (request.responsePort && (request.padding || *request.responsePort == 0)) return kBadRequest;
  return 0;
}

bool isKnown(const UdpAddress& address) { return kindOf(address.ip) != AddressKind::unspecified; }

/// RFC 3489, section 8.1.
void fillClassic(Message& answer, const UdpAddress& from, const UdpAddress& origin,
                 const std::optional<UdpAddress>& other) {
  answer.mappedAddress = from;
  if (isKnown(origin)) answer.sourceAddress = origin;
  answer.changedAddress = other;
}

/// RFC 8489, section 6.3.1.1, and RFC 5780, section 6.1, where the server or the request is of that usage.
void fill(Message& answer, const Message& request, const UdpAddress& from, const UdpAddress& origin,
          const std::optional<UdpAddress>& other) {
  answer.xorMappedAddress = from;
  if (!other && !request.padding && !request.responsePort) return;
  answer.mappedAddress = from;
  if (isKnown(origin)) answer.responseOrigin = origin;
  answer.otherAddress = other;
  if (request.padding) answer.padding = std::min(*request.padding, kMaxPadding);
}

}  // namespace

std::optional<Answer> Responder::handle(TimePoint now, const UdpAddress& from, const UdpAddress& at,
                                        std::span<const std::uint8_t> datagram) {
  const bool classic = isClassicRequest(datagram);
  if ((!isStun(datagram) && !classic) || loadU16(datagram.data()) != kBindingRequest || (classic && from.ip.isV6()) ||
      from.port == 0) {
    ++stats_.ignored;
    return std::nullopt;
  }
  ++stats_.requests;
  // Before anything that costs time.
  if (!allowances_.take(now, Source::of(from.ip))) {
    ++stats_.refused;
    return std::nullopt;
  }
  const auto request = decodeAny(datagram);
  if (!request) {
    ++stats_.ignored;
    return std::nullopt;
  }
  const auto other = otherOf(at);
  const Sealing sealing{Integrity::none, {}, request->hasFingerprint};
  ++stats_.answers;
  auto unknown = unknownIn(request.value(), other.has_value());
  if (const unsigned code = codeFor(request.value(), unknown); code != 0) {
    Message error = answerTo(request.value(), MessageClass::error);
    error.errorCode = ErrorCode{code, {}};  // without words, which would be most of it
    error.unknownAttributes = std::move(unknown);
    return Answer{at, from, encode(error, sealing)};
  }
  UdpAddress origin = at;
  if (other && request->changeRequest && request->changeRequest->ip) origin.ip = other->ip;
  if (other && request->changeRequest && request->changeRequest->port) origin.port = other->port;
  Message answer = answerTo(request.value(), MessageClass::success);
  if (classic) {
    fillClassic(answer, from, origin, other);
  } else {
    fill(answer, request.value(), from, origin, other);
  }
  return Answer{origin, {from.ip, request->responsePort.value_or(from.port)}, encode(answer, sealing)};
}

std::optional<UdpAddress> Responder::otherOf(const UdpAddress& at) const {
  if (!config_.alternates) return std::nullopt;
  const auto& [primary, other] = *config_.alternates;
  if (at.ip.isV6() != other.ip.isV6() || !isKnown(at)) return std::nullopt;
  // A server that is reached by further addresses gives each of them the same second one.
  return UdpAddress{at.ip == other.ip ? primary.ip : other.ip, at.port == other.port ? primary.port : other.port};
}

}  // namespace chuantou::stun
