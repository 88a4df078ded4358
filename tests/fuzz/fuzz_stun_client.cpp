// The client's STUN transactions: whatever comes whenever, each query ends once, after no more requests than it may
// send.
#include <map>
#include <optional>
#include <vector>

#include "fuzz_input.hpp"
#include "stun/client_transaction.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;

namespace {

struct Expected {
  stun::Query query;
  TimePoint startedAt{};
  unsigned sent = 0;
};

UdpAddress server(std::size_t choice) {
  return {IpAddress{IpAddress::V4{192, 0, 2, static_cast<std::uint8_t>(choice % 4)}}, 3478};
}

class Machine {
 public:
  explicit Machine(Input input) : input_(input) {}

  void run() {
    for (int step = 0; step < 200 && !input_.empty(); ++step) {
      act();
      drain();
    }
    while (const auto next = machine_.nextTimeout()) {
      expect(*next >= now_ || !machine_.underWay(), "a deadline that has passed");
      now_ = std::max(now_, *next);
      machine_.handleTimeout(now_);
      drain();
    }
    expect(queries_.empty() && machine_.underWay() == 0, "a query without an end");
  }

 private:
  void act() {
    const std::size_t what = input_.byte();
    const std::size_t number = what >> 4;
    switch (what % 8) {
      case 0:
      case 1:
        return start(number);
      case 2:
      case 3:
        return answer(number);
      case 4: {
        const auto raw = input_.take(input_.below(120));
        machine_.handleDatagram(now_, server(number), raw);
        return;
      }
      case 5:
        now_ += Millis{input_.below(20'000)};
        machine_.handleTimeout(now_);
        return;
      case 6:
        if (machine_.cancel(idOf(number))) {
          expect(queries_.erase(idOf(number)) == 1, "a query taken back that was not there");
        }
        return;
      default:
        machine_.handleUnreachable(now_, server(number));
    }
  }

  static stun::TransactionId idOf(std::size_t number) {
    stun::TransactionId id;
    id.bytes.fill(static_cast<std::uint8_t>(number));
    return id;
  }

  void start(std::size_t number) {
    const std::size_t flags = input_.byte();
    stun::Query query;
    query.request.id = idOf(number);
    query.to = server(flags);
    if ((flags & 4) != 0) query.answerFrom = server(flags >> 3);
    if ((flags & 32) != 0) query.sealing = {static_cast<stun::Integrity>(1 + flags % 3), stun::keyOf("key"), true};
    query.retransmission = {Millis{1 + input_.below(1'000)}, static_cast<unsigned>(input_.below(9)),
                            static_cast<unsigned>(input_.below(20))};
    query.tag = number;
    const bool fresh = queries_.count(query.request.id) == 0;
    expect(machine_.start(now_, query) == fresh, "two queries of one id");
    if (fresh) queries_.emplace(query.request.id, Expected{query, now_});
  }

  void answer(std::size_t number) {
    const std::size_t flags = input_.byte();
    stun::Message m;
    m.id = idOf(number);
    m.kind = static_cast<stun::MessageClass>(flags % 4);
    m.xorMappedAddress = server(1);
    if ((flags & 4) != 0) m.errorCode = stun::ErrorCode{420, {}};
    auto bytes = stun::encode(m, {static_cast<stun::Integrity>(flags >> 3 & 3),
                                  stun::keyOf((flags & 32) != 0 ? "key" : "yek"), (flags & 64) != 0});
    if ((flags & 128) != 0) bytes[input_.below(bytes.size())] ^= static_cast<std::uint8_t>(input_.byte());
    machine_.handleDatagram(now_, server(input_.byte()), bytes);
  }

  void drain() {
    while (const auto transmit = machine_.pollTransmit()) {
      const auto it = queries_.find(transmit->id);
      if (it == queries_.end()) continue;  // it ended in the same turn
      expect(transmit->to == it->second.query.to && transmit->tag == it->second.query.tag,
             "a request to somebody else");
      expect(++it->second.sent <= std::max(1u, it->second.query.retransmission.requests), "too many requests");
    }
    while (const auto outcome = machine_.pollOutcome()) {
      const auto it = queries_.find(outcome->id);
      expect(it != queries_.end(), "a query that ended twice");
      const stun::Query& query = it->second.query;
      expect(outcome->tag == query.tag && outcome->to == query.to, "another query's end");
      expect(outcome->elapsed == now_ - it->second.startedAt, "another time");
      expect(outcome->sent >= 1 && outcome->sent <= std::max(1u, query.retransmission.requests),
             "a wrong count of requests");
      if (outcome->answer) {
        expect(outcome->answer.value().isResponse() && outcome->answer.value().id == outcome->id, "no answer to this");
        expect(!query.answerFrom || *query.answerFrom == outcome->from, "an answer from somebody else");
        expect(outcome->answer.value().notUnderstood.empty(), "an answer that must not be processed");
      }
      queries_.erase(it);
    }
  }

  Input input_;
  stun::ClientTransactions machine_;
  std::map<stun::TransactionId, Expected> queries_;
  TimePoint now_{std::chrono::hours{1}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Machine{Input{data, size}}.run();
  return 0;
}
