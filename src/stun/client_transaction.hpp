// Requests and their answers over UDP (RFC 8489, section 6.2.1): many at a time, to one server or several.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "base/time.hpp"
#include "stun/message.hpp"

namespace chuantou::stun {

/// When a request is sent again. The n-th wait is rto × 2ⁿ; after the last one, rto × `lastWait`.
struct Retransmission {
  Millis rto{500};         ///< RFC 8489 wants 500 ms at least where the path's round trip is unknown
  unsigned requests = 7;   ///< Rc
  unsigned lastWait = 16;  ///< Rm
};

/// A request to send and the answer that it waits for.
struct Query {
  Message request;  ///< its id is what the answer is known by: a random one
  Sealing sealing = {};
  UdpAddress to;
  /// Where an answer must come from. Nothing: anywhere, as an answer to CHANGE-REQUEST does; the id alone is then what
  /// nobody else can know.
  std::optional<UdpAddress> answerFrom = {};
  Retransmission retransmission = {};
  std::uint64_t tag = 0;  ///< the caller's; comes back with each datagram to send and with the outcome
};

/// A datagram to send.
struct Transmit {
  TransactionId id;
  std::uint64_t tag = 0;
  UdpAddress to;
  std::vector<std::uint8_t> bytes;
};

/// How a query ended. Its answer may be a success or an error response; without one:
/// timed_out (nobody answered), target_refused (the system said that nobody can), protocol_error (an answer that must
/// not be processed, or answers with wrong integrity only), limit_reached (too many queries at a time).
struct Outcome {
  TransactionId id;
  std::uint64_t tag = 0;
  UdpAddress to;
  Result<Message> answer;
  UdpAddress from;      ///< where the answer came from
  Duration elapsed{0};  ///< since the first request
  unsigned sent = 0;    ///< with 1, `elapsed` is the round trip; else nobody knows which one was answered
};

/// Input: start(), handleX() and the time. After each: drain pollTransmit(), then pollOutcome(), then look at
/// nextTimeout().
class ClientTransactions {
 public:
  static constexpr std::size_t kMaxQueries = 1'024;

  /// The first request is there to be sent at once. False, and no outcome: a query with this id is under way.
  bool start(TimePoint now, const Query& query);
  /// True: it is an answer to one of the queries, also one that is discarded. Others' datagrams are left alone.
  bool handleDatagram(TimePoint now, const UdpAddress& from, std::span<const std::uint8_t> datagram);
  /// A hard ICMP error for this address.
  void handleUnreachable(TimePoint now, const UdpAddress& to);
  void handleTimeout(TimePoint now);
  /// Without an outcome. False: there is none of this id.
  bool cancel(const TransactionId& id);

  std::optional<Transmit> pollTransmit();
  std::optional<Outcome> pollOutcome();
  std::optional<TimePoint> nextTimeout() const;
  std::size_t underWay() const noexcept { return queries_.size(); }

 private:
  struct State {
    std::vector<std::uint8_t> bytes;
    UdpAddress to;
    std::optional<UdpAddress> answerFrom;
    Retransmission retransmission;
    std::uint64_t tag = 0;
    Method method{};
    Integrity integrity{};
    std::vector<std::uint8_t> key;
    TimePoint startedAt{};
    TimePoint dueAt{};
    Duration wait{0};
    unsigned sent = 0;
    bool forged = false;  ///< an answer with wrong integrity came
  };
  using Queries = std::map<TransactionId, State>;

  void transmit(TimePoint now, const TransactionId& id, State& state);
  Queries::iterator finish(TimePoint now, Queries::iterator it, Result<Message> answer, const UdpAddress& from = {});

  Queries queries_;
  std::deque<Transmit> transmits_;
  std::deque<Outcome> outcomes_;
};

}  // namespace chuantou::stun
