// A broker in virtual time, and what it did, in words that tests can compare.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/hex.hpp"
#include "relay/broker.hpp"
#include "support/seeded_random.hpp"

namespace chuantou::relay::test {

using chuantou::test::SeededRandom;

inline DataKey keyOf(unsigned number) {
  DataKey key;
  key.bytes[7] = static_cast<std::uint8_t>(number >> 8);
  key.bytes[15] = static_cast<std::uint8_t>(number);
  key.bytes[0] = 0xaa;
  return key;
}

inline PublicKey publicKey(unsigned number) {
  PublicKey key;
  key.bytes[0] = static_cast<std::uint8_t>(number);
  key.bytes[31] = 0xbb;
  return key;
}

/// What stands for a signature and a proof here: the same words for the same things, and for nothing else.
inline std::string signatureOf(const PublicKey& key, std::string_view challengeHex, std::string_view id) {
  return "signed " + key.str() + " " + std::string{challengeHex} + " " + std::string{id};
}
inline std::string proofOf(std::string_view secret, std::string_view challengeHex, std::string_view id,
                           const std::optional<PublicKey>& key) {
  return "proof " + std::string{secret} + " " + std::string{challengeHex} + " " + std::string{id} +
         (key ? toHex(key->bytes) : std::string{});
}

inline BrokerConfig withChecks(BrokerConfig config = {}) {
  config.checkSignature = [](const PublicKey& key, std::span<const std::uint8_t> challenge, std::string_view id,
                             std::string_view signature) {
    return signature == signatureOf(key, toHex(challenge), id);
  };
  config.checkProof = [](std::string_view secret, std::span<const std::uint8_t> challenge, std::string_view id,
                         std::span<const std::uint8_t> key, std::string_view proof) {
    std::optional<PublicKey> bound;
    if (!key.empty()) std::copy(key.begin(), key.end(), bound.emplace().bytes.begin());
    return proof == proofOf(secret, toHex(challenge), id, bound);
  };
  return config;
}

inline Token token(std::string name, std::string secret, std::string group = "main") {
  Token one;
  one.name = std::move(name);
  one.secret = Secret{std::move(secret)};
  one.group = std::move(group);
  return one;
}
inline TokenTable tokens(std::vector<Token> all) {
  TokenTable table;
  for (Token& one : all) table.restore(std::move(one));
  return table;
}

/// Every action since the last look.
struct Actions {
  std::vector<Action> all;

  template <class T>
  std::vector<T> of() const {
    std::vector<T> out;
    for (const Action& action : all) {
      if (const T* one = std::get_if<T>(&action)) out.push_back(*one);
    }
    return out;
  }
  /// The messages of a kind that were sent to a connection.
  template <class M>
  std::vector<M> sent(ControlId to) const {
    std::vector<M> out;
    for (const Send& send : of<Send>()) {
      if (send.to == to && std::holds_alternative<M>(send.message)) out.push_back(std::get<M>(send.message));
    }
    return out;
  }
  template <class M>
  M one(ControlId to) const {
    const auto found = sent<M>(to);
    REQUIRE(found.size() == 1);
    return found.front();
  }
  bool closed(ControlId control) const {
    for (const CloseControl& close : of<CloseControl>()) {
      if (close.control == control) return true;
    }
    return false;
  }
  std::vector<ChannelId> dropped() const {
    std::vector<ChannelId> out;
    for (const DropChannel& drop : of<DropChannel>()) out.push_back(drop.channel);
    return out;
  }
  bool none() const { return all.empty(); }
};

class BrokerFixture {
 public:
  /// Most tests are not about keys, and their clients have none.
  explicit BrokerFixture(BrokerConfig config = {}) : broker(keyless(std::move(config)), random) {
    broker.relayPort = 8200;
  }
  /// Keys are wanted, and tokens where there are any.
  explicit BrokerFixture(TokenTable tokens, BrokerConfig config = {}, NameBook names = NameBook{})
      : broker(withChecks(std::move(config)), random, std::move(names), std::move(tokens)) {
    broker.relayPort = 8200;
  }

  Now now() const { return Now{at, 1'700'000'000'000 + std::chrono::duration_cast<Millis>(at - kStart).count()}; }

  Actions actions() {
    Actions out;
    while (auto action = broker.pollAction()) out.all.push_back(std::move(*action));
    return out;
  }
  Actions say(ControlId from, wire::MessageToServer message) {
    broker.handleMessage(now(), from, std::move(message));
    return actions();
  }
  Actions tick(Duration later = {}) {
    at += later;
    broker.handleTick(now());
    return actions();
  }
  /// Time passes; everybody in `alive` is heard every second, so that only other deadlines fall.
  Actions pass(Duration span, const std::vector<ControlId>& alive = {}) {
    Actions out;
    for (const TimePoint end = at + span; at < end;) {
      at += std::min<Duration>(std::chrono::seconds{1}, end - at);
      for (const ControlId control : alive) broker.handleHeard(now(), control);
      broker.handleTick(now());
      for (Action& action : actions().all) out.all.push_back(std::move(action));
    }
    return out;
  }

  ControlId open(std::string address = "192.0.2.1") {
    const ControlId control{++lastControl_};
    broker.handleControlOpened(now(), control, std::move(address));
    return control;
  }
  Actions hangUp(ControlId control) {
    broker.handleControlClosed(now(), control);
    return actions();
  }
  static wire::Register registration(std::string id, std::string proof = {}) {
    wire::Register m;
    m.clientId = std::move(id);
    m.version = 1;
    m.proof = std::move(proof);
    return m;
  }
  /// A connection that is registered under the id.
  ControlId join(const std::string& id) {
    const ControlId control = open();
    const auto response = say(control, registration(id)).one<wire::RegisterResponse>(control);
    REQUIRE(response.success);
    return control;
  }

  struct Who {
    std::string id;
    std::optional<PublicKey> key{};
    bool temporary = false;
    std::string token{};  ///< its secret
  };
  /// The second message of a registration.
  static wire::Register answerTo(const std::string& challenge, const Who& who) {
    wire::Register m = registration(who.id);
    m.publicKey = who.key;
    m.temporaryKey = who.temporary;
    if (who.key) m.signature = signatureOf(*who.key, challenge, who.id);
    if (!who.token.empty()) m.proof = proofOf(who.token, challenge, who.id, who.key);
    return m;
  }
  /// Both messages; what came of the second.
  Actions answer(ControlId control, const Who& who) {
    const auto challenge = say(control, registration(who.id)).one<wire::RegisterResponse>(control).challenge;
    REQUIRE(challenge.size() == 64);
    return say(control, answerTo(challenge, who));
  }
  ControlId join(const Who& who) {
    const ControlId control = open();
    REQUIRE(answer(control, who).one<wire::RegisterResponse>(control).success);
    return control;
  }
  /// The code that a registration is refused with, and that the connection then ends.
  Errc refusal(const Who& who) {
    const ControlId control = open();
    const Actions did = answer(control, who);
    const auto response = did.one<wire::RegisterResponse>(control);
    CHECK_FALSE(response.success);
    CHECK(response.challenge.empty());
    CHECK_FALSE(response.error.empty());
    CHECK(did.closed(control));
    return response.code;
  }

  static wire::ConnectRequest request(std::string to, std::vector<DataKey> keys,
                                      wire::Transport transport = wire::Transport::tcp) {
    wire::ConnectRequest m;
    m.toClientId = std::move(to);
    m.remotePort = 3000;
    m.localPort = 8000;
    m.transport = transport;
    m.keys = std::move(keys);
    return m;
  }
  struct Made {
    SessionId id{};
    DataKey initiator;
    DataKey target;
    UdpSession udp{};  ///< the initiator's
  };
  /// A session from one registered connection to another client.
  Made connect(ControlId from, const std::string& to, ControlId target, DataKey key,
               wire::Transport transport = wire::Transport::tcp) {
    const Actions did = say(from, request(to, {key}, transport));
    const auto created = did.one<wire::CreateSession>(from);
    const auto incoming = did.one<wire::IncomingRequest>(target);
    REQUIRE(created.sessions.size() == 1);
    REQUIRE(incoming.sessions.size() == 1);
    return Made{*created.sessions[0].id, *created.sessions[0].key, *incoming.sessions[0].key,
                created.sessions[0].udp.value_or(UdpSession{})};
  }
  struct Arrived {
    ChannelId channel;
    Actions did;
  };
  Arrived arrive(const DataKey& key) {
    const ChannelId channel{++lastChannel_};
    broker.handleDataChannel(now(), channel, key);
    return {channel, actions()};
  }
  std::size_t sessionsOf(const std::string& id) const {
    const ClientRecord* record = broker.clients().find(*ClientId::parse(id));
    return record ? record->sessions : 0;
  }

  static wire::SessionRef ref(SessionId id) { return wire::SessionRef{id, {}, {}}; }

  static constexpr TimePoint kStart{std::chrono::hours{1000}};
  TimePoint at = kStart;

 private:
  static BrokerConfig keyless(BrokerConfig config) {
    config.allowKeyless = true;
    return config;
  }

  SeededRandom random{1};
  std::uint64_t lastControl_ = 0;
  std::uint64_t lastChannel_ = 0;

 public:
  Broker broker;
};

}  // namespace chuantou::relay::test
