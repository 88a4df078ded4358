#include "nat/probe_codec.hpp"

namespace chuantou::nat {

std::vector<std::uint8_t> ProbeCodec::encode(const Probe& probe) {
  stun::Message message;
  message.id = stun::TransactionId::random(random_);
  if (probe.changeAddress || probe.changePort) message.changeRequest = {probe.changeAddress, probe.changePort};
  if (probe.responsePort != 0) message.responsePort = probe.responsePort;
  ids_[message.id] = probe.id;
  return stun::encode(message);
}

ProbeCodec::Meaning ProbeCodec::decode(std::size_t socket, const UdpAddress& from, std::span<const std::uint8_t> datagram) const {
  const auto message = stun::decode(datagram);
  if (!message || message.value().method != stun::Method::binding) return {};
  const stun::Message& m = message.value();
  const auto it = ids_.find(m.id);
  if (it == ids_.end()) return {};
  if (m.kind == stun::MessageClass::request) return Arrived{it->second, socket};
  if (m.kind == stun::MessageClass::error) return Refused{it->second};
  // What we do not understand of an answer we must not use (RFC 8489, section 6.3.3).
  if (m.kind != stun::MessageClass::success || !m.mapped() || !m.notUnderstood.empty()) return {};
  ProbeAnswer answer;
  answer.id = it->second;
  answer.socket = socket;
  answer.from = from;
  answer.mapped = *m.mapped();
  answer.other = m.otherAddress ? m.otherAddress : m.changedAddress;
  return Answered{answer};
}

}  // namespace chuantou::nat
