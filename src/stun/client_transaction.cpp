#include "stun/client_transaction.hpp"

#include <algorithm>

namespace chuantou::stun {

namespace {

/// Both kinds may be asked with; one of them, the better, must be in the answer (RFC 8489, section 9.1.4).
bool isGenuine(std::span<const std::uint8_t> datagram, const Message& answer, Integrity asked,
               std::span<const std::uint8_t> key) {
  if (asked == Integrity::none) return true;
  const bool sha256 = asked == Integrity::sha256 || (asked == Integrity::both && answer.hasIntegritySha256);
  return verifyIntegrity(datagram, sha256 ? Integrity::sha256 : Integrity::sha1, key);
}

}  // namespace

bool ClientTransactions::start(TimePoint now, const Query& query) {
  const TransactionId id = query.request.id;
  if (queries_.count(id) != 0) return false;
  if (queries_.size() >= kMaxQueries) {
    outcomes_.push_back({id, query.tag, query.to, Error{Errc::limit_reached, query.to.str()}, {}, {}, 0});
    return true;
  }
  State state;
  state.bytes = encode(query.request, query.sealing);
  state.to = query.to;
  state.answerFrom = query.answerFrom;
  state.retransmission = query.retransmission;
  state.retransmission.requests = std::max(1u, state.retransmission.requests);
  state.tag = query.tag;
  state.method = query.request.method;
  state.integrity = query.sealing.integrity;
  state.key.assign(query.sealing.key.begin(), query.sealing.key.end());
  state.startedAt = now;
  state.wait = query.retransmission.rto;
  transmit(now, id, queries_.emplace(id, std::move(state)).first->second);
  return true;
}

void ClientTransactions::transmit(TimePoint now, const TransactionId& id, State& state) {
  transmits_.push_back({id, state.tag, state.to, state.bytes});
  ++state.sent;
  const bool last = state.sent == state.retransmission.requests;
  state.dueAt = now + (last ? Duration{state.retransmission.rto} * state.retransmission.lastWait : state.wait);
  state.wait = std::min<Duration>(state.wait * 2, std::chrono::hours{1});
}

bool ClientTransactions::handleDatagram(TimePoint now, const UdpAddress& from, std::span<const std::uint8_t> datagram) {
  if (queries_.empty() || !isStun(datagram)) return false;
  TransactionId id;
  std::copy_n(datagram.begin() + 8, id.bytes.size(), id.bytes.begin());
  const auto it = queries_.find(id);
  if (it == queries_.end()) return false;
  State& state = it->second;
  auto answer = decode(datagram);
  // As if it had never come: anybody may send such.
  if (!answer || !answer->isResponse() || answer->method != state.method) return true;
  if (state.answerFrom && *state.answerFrom != from) return true;
  if (!isGenuine(datagram, answer.value(), state.integrity, state.key)) {
    state.forged = true;
    return true;
  }
  if (!answer->notUnderstood.empty()) {
    finish(now, it, Error{Errc::protocol_error, from.str(), "an answer with an attribute that nobody here knows"},
           from);
  } else if (answer->kind == MessageClass::error && !answer->errorCode) {
    finish(now, it, Error{Errc::protocol_error, from.str(), "an error response without a code"}, from);
  } else {
    finish(now, it, std::move(answer), from);
  }
  return true;
}

void ClientTransactions::handleUnreachable(TimePoint now, const UdpAddress& to) {
  for (auto it = queries_.begin(); it != queries_.end();) {
    it = it->second.to == to ? finish(now, it, Error{Errc::target_refused, to.str()}) : std::next(it);
  }
}

void ClientTransactions::handleTimeout(TimePoint now) {
  for (auto it = queries_.begin(); it != queries_.end();) {
    State& state = it->second;
    if (state.dueAt > now) {
      ++it;
    } else if (state.sent < state.retransmission.requests) {
      transmit(now, it->first, state);
      ++it;
    } else if (state.forged) {
      it = finish(now, it, Error{Errc::protocol_error, state.to.str(), "an answer that was not made with the key"});
    } else {
      it = finish(now, it, Error{Errc::timed_out, state.to.str()});
    }
  }
}

bool ClientTransactions::cancel(const TransactionId& id) {
  std::erase_if(transmits_, [&](const Transmit& transmit) { return transmit.id == id; });
  return queries_.erase(id) != 0;
}

std::optional<Transmit> ClientTransactions::pollTransmit() {
  if (transmits_.empty()) return std::nullopt;
  Transmit out = std::move(transmits_.front());
  transmits_.pop_front();
  return out;
}

std::optional<Outcome> ClientTransactions::pollOutcome() {
  if (outcomes_.empty()) return std::nullopt;
  Outcome out = std::move(outcomes_.front());
  outcomes_.pop_front();
  return out;
}

std::optional<TimePoint> ClientTransactions::nextTimeout() const {
  const auto first = std::ranges::min_element(queries_, {}, [](const auto& query) { return query.second.dueAt; });
  if (first == queries_.end()) return std::nullopt;
  return first->second.dueAt;
}

ClientTransactions::Queries::iterator ClientTransactions::finish(TimePoint now, Queries::iterator it,
                                                                 Result<Message> answer, const UdpAddress& from) {
  const State& state = it->second;
  outcomes_.push_back({it->first, state.tag, state.to, std::move(answer), from, now - state.startedAt, state.sent});
  return queries_.erase(it);
}

}  // namespace chuantou::stun
