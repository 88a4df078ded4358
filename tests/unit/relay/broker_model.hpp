// A second, slower broker: what the first must have done after any sequence of events, worked out by plain rules.
// The random test and the fuzzer drive both; a difference throws std::logic_error.
#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "relay/broker.hpp"
#include "support/seeded_random.hpp"

namespace chuantou::relay::test {

/// Where a model takes its decisions from: a seeded source in tests, an input's bytes in the fuzzer.
class Choices {
 public:
  virtual ~Choices() = default;
  /// In [0, limit).
  virtual std::size_t below(std::size_t limit) = 0;
  bool oneIn(std::size_t n) { return below(n) == 0; }
};

inline constexpr const char* kNames[] = {"A", "B", "C", "D", "E", "F", "G", "H"};
/// Names that keys may own: fewer than there are.
inline constexpr std::size_t kMaxNames = 6;

/// The first message of a kind that was sent to a connection.
template <class M>
const M* find(const std::vector<Send>& sends, ControlId to) {
  for (const Send& send : sends) {
    if (send.to == to && std::holds_alternative<M>(send.message)) return &std::get<M>(send.message);
  }
  return nullptr;
}

class BrokerModel {
 public:
  struct Rules {
    bool token = false;
    bool keyless = false;
  };
  BrokerModel(Rules rules, std::uint64_t seed);

  /// One event. Throws std::logic_error saying where the broker differs from the model.
  void step(Choices& choices);
  /// Ends everything and checks that nothing is left.
  void finish();

  struct Counts {
    std::size_t registrations = 0, takeovers = 0, sessions = 0, pairs = 0, udp = 0, dropped = 0, ended = 0, closed = 0;
    std::size_t owned = 0, revoked = 0, toldAgain = 0;
  };
  const Counts& counts() const noexcept { return counts_; }

 private:
  struct Control {
    TimePoint heardAt{};
    TimePoint registerBy{};
    std::string client;
    std::string challenge;  ///< empty: none that may still be answered
    bool closing = false;
  };
  /// What the last client of a name proved.
  struct Proved {
    std::optional<PublicKey> key;
    bool temporary = false;
    std::string token;
    std::string group;
  };
  struct Owner {
    PublicKey key;
    std::string token;
    std::int64_t storedMs = 0;
  };
  struct Pass {
    std::string group;
    std::optional<unsigned> usesLeft;
    std::set<PublicKey> usedBy;
    bool revoked = false;
  };
  struct Link {
    std::string client[2];
    DataKey key[2];
    std::optional<ChannelId> channel[2];
    bool udp = false;
    bool plain = false;
    UdpSession number{};
    bool joined = false;
    TimePoint deadline{};
  };
  struct KeyUse {
    SessionId session;
    std::size_t side;
  };
  struct Waiting {
    ChannelId channel;
    TimePoint until;
  };
  using Key = std::array<std::uint8_t, 16>;

  // Events (broker_model.cpp, broker_model_registration.cpp).
  void openControl();
  void registers(Choices& choices, ControlId id);
  wire::Register registration(Choices& choices, ControlId id) const;
  void joins(ControlId id, const std::string& name, const Proved& proved, const wire::RegisterResponse& response);
  void isToldAgain(ControlId id, const std::string& name, const std::vector<Send>& sends);
  void operates(Choices& choices);
  void connects(Choices& choices, ControlId id);
  void answers(Choices& choices, ControlId id);
  void talks(Choices& choices, ControlId id);
  void hangsUp(ControlId id);
  void dataChannel(Choices& choices);
  void pumpEnds(Choices& choices);
  void kick(Choices& choices);
  void tick(Duration later);

  // The model's rules, and the comparison (broker_model_rules.cpp).
  bool speaks(ControlId id, bool needsName);
  /// What a connection's answer to its challenge proves; nothing where it is refused.
  std::optional<Proved> provenBy(const wire::Register& m, const std::string& challenge) const;
  bool mayHave(const std::string& name, const Proved& proved) const;
  void endAllBy(const std::string& token);
  void close(ControlId id);
  void place(SessionId id, std::size_t side, ChannelId channel);
  void end(SessionId id);
  void endAllOf(const std::string& client, bool udpOnly);
  void refuse(const std::vector<DataKey>& keys);
  void expect(std::string action) { expected_.push_back(std::move(action)); }
  /// Takes the broker's actions; the messages are returned, the others kept for compare().
  std::vector<Send> drain();
  void compare(const char* event);
  void compareTables();
  [[noreturn]] void broken(const std::string& what) const;

  ControlId anyControl(Choices& choices);
  SessionId anySession(Choices& choices);
  DataKey anyKey(Choices& choices);
  std::optional<ControlId> controlOf(const std::string& client) const;
  std::size_t sessionsOf(const std::string& client) const;
  Now now() const { return Now{at_, std::chrono::duration_cast<Millis>(at_.time_since_epoch()).count()}; }

  Rules rules_;
  BrokerConfig config_;
  chuantou::test::SeededRandom random_;
  Broker broker_;
  TimePoint at_{std::chrono::hours{1}};
  std::size_t steps_ = 0;
  std::uint64_t lastControl_ = 0;
  std::uint64_t lastChannel_ = 0;

  std::map<ControlId, Control> controls_;
  std::map<std::string, Proved> known_;  ///< clients that have registered
  std::map<std::string, Owner> owners_;
  std::map<std::string, Pass> passes_;  ///< tokens; a secret is its token's name
  std::map<std::string, ControlId> online_;
  std::map<std::string, TimePoint> silent_;  ///< when the sessions of those who fell silent end
  std::map<SessionId, Link> links_;
  std::map<Key, KeyUse> keys_;
  std::map<Key, Waiting> waiting_;
  std::vector<ChannelId> refused_;
  std::vector<DataKey> recentKeys_;
  std::set<ChannelId> gone_;  ///< channels that were dropped or paired

  std::vector<std::string> expected_;
  std::vector<std::string> did_;
  Counts counts_;
};

}  // namespace chuantou::relay::test
