// The server's brain: registers clients, makes sessions, pairs data channels. No sockets, no clock, no threads.
//
// Inputs are handle_*() calls with the present time; outputs are drained with pollAction() after each of them, in the
// order in which they were made.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "relay/client_registry.hpp"
#include "relay/name_book.hpp"
#include "relay/session_table.hpp"
#include "relay/token_table.hpp"
#include "relay/waiting_room.hpp"
#include "wire/control_message.hpp"

namespace chuantou::relay {

/// Whether a signature is that of the challenge and the id, by this key.
using SignatureCheck = std::function<bool(const PublicKey& key, std::span<const std::uint8_t> challenge,
                                          std::string_view clientId, std::string_view signatureHex)>;

struct BrokerConfig {
  ProofCheck checkProof;
  SignatureCheck checkSignature;
  bool wantTokens = true;     ///< where there are any; else anyone may register
  bool allowKeyless = false;  ///< clients without a key may register too
  Duration heartbeatInterval = std::chrono::seconds{20};
  Duration heartbeatTimeout = std::chrono::seconds{60};
  Duration returnTimeout = std::chrono::seconds{60};  ///< for who fell silent, before its TCP sessions end
  Duration registerTimeout = std::chrono::seconds{10};
  Duration pairingTimeout = std::chrono::seconds{15};
  Duration keyPatience = std::chrono::seconds{10};
  std::size_t maxClients = 100'000;
  std::size_t maxSessionsPerClient = 50'000;
  std::size_t maxWaitingChannels = 8'192;
};

// What the server must do.
struct Send {
  ControlId to;
  wire::MessageToClient message;
};
/// After what was sent to it before has been written.
struct CloseControl {
  ControlId control;
  bool silent = false;  ///< nothing comes from there: what waits for its acknowledgement would keep the end from arriving
};
struct Pair {
  SessionId session;
  ChannelId initiator;
  ChannelId target;
};
struct DropChannel {
  ChannelId channel;
};
/// Ends the pump of a paired session.
struct EndSession {
  SessionId session;
};
struct AddUdp {
  UdpSession initiator;  ///< the target's number is peerOf() it
  DataKey initiatorKey;
  DataKey targetKey;
};
struct RemoveUdp {
  UdpSession initiator;
};
// State that is to outlive the server; before the client is told.
struct StoreName {
  NameRecord record;
};
struct ForgetName {
  ClientId name;
};
struct StoreTokens {};
using Action = std::variant<Send, CloseControl, Pair, DropChannel, EndSession, AddUdp, RemoveUdp, StoreName, ForgetName,
                            StoreTokens>;

struct BrokerStats {
  std::uint64_t registrations = 0;
  std::uint64_t authFailures = 0;
  std::uint64_t sessions = 0;
  std::uint64_t refusedClients = 0;   ///< maxClients
  std::uint64_t refusedSessions = 0;  ///< maxSessionsPerClient
  std::uint64_t late = 0;             ///< registrations, and sessions of waiting data channels, that did not come in time
};

class Broker {
 public:
  Broker(BrokerConfig config, RandomSource& random, NameBook names = NameBook{}, TokenTable tokens = {});

  void handleControlOpened(Now now, ControlId control, std::string address);
  void handleMessage(Now now, ControlId control, wire::MessageToServer message);
  /// Something that is no message (a WebSocket ping) was received.
  void handleHeard(Now now, ControlId control);
  /// A text that could not be decoded.
  void handleBadMessage(Now now, ControlId control, const Error& error);
  void handleControlClosed(Now now, ControlId control);
  /// A Register message that its source's limits forbid; it is answered with limit_reached and the connection closed.
  void handleRegisterRefused(Now now, ControlId control, std::string why);
  void handleDataChannel(Now now, ChannelId channel, const DataKey& key);
  /// A data channel whose key no session has had was closed.
  void handleDataChannelClosed(ChannelId channel, const DataKey& key) { waiting_.remove(key, channel); }
  /// The pump of a paired session ended.
  void handleSessionEnded(SessionId session);
  /// Every second or so: silences and deadlines.
  void handleTick(Now now);
  /// False: no such client.
  bool handleKick(const ClientId& id);

  TokenTable::Added handleAddToken(Now now, Token token);
  /// Its clients and their sessions end. False: no such token, or it was revoked before.
  bool handleRevokeToken(std::string_view name);
  /// Those that joined by the old secret stay, unless told to end. False: no such token.
  bool handleRotateToken(std::string_view name, Secret fresh, bool endClients);
  /// The name is free again; who is registered under it keeps it until it leaves. False: nobody owned it.
  bool handleReleaseName(const ClientId& name);

  std::optional<Action> pollAction();
  /// A data channel whose key is that of a session, at once or when the session was made; each once.
  std::optional<ChannelId> pollProved();

  const ClientRegistry& clients() const noexcept { return clients_; }
  const SessionTable& sessions() const noexcept { return sessions_; }
  const NameBook& names() const noexcept { return names_; }
  const TokenTable& tokens() const noexcept { return tokens_; }
  const BrokerStats& stats() const noexcept { return stats_; }
  std::uint16_t relayPort = 0;  ///< told to clients

 private:
  struct Control {
    std::string address;
    TimePoint heardAt{};
    std::optional<TimePoint> registerBy;  ///< until registered
    ClientId client;                      ///< empty until registered
    std::array<std::uint8_t, 32> challenge{};
    bool challenged = false;
    bool closing = false;
  };

  void on(Now now, ControlId id, Control& control, wire::Register& m);
  void on(Now now, ControlId id, Control& control, wire::Unregister& m);
  void on(Now now, ControlId id, Control& control, wire::GetClientList& m);
  void on(Now now, ControlId id, Control& control, wire::ConnectRequest& m);
  void on(Now now, ControlId id, Control& control, wire::AcceptSession& m);
  void on(Now now, ControlId id, Control& control, wire::RejectSession& m);
  void on(Now now, ControlId id, Control& control, wire::SessionClosed& m);
  void on(Now now, ControlId id, Control& control, wire::Heartbeat& m);
  void on(Now now, ControlId id, Control& control, wire::Unknown& m);

  /// Nothing: the client was challenged, or refused.
  std::optional<Credentials> prove(Now now, ControlId id, Control& control, const wire::Register& m);
  void challenge(ControlId id, Control& control, bool token);
  /// The token that the client proved; null, and why.
  const Token* provedToken(Now now, const Control& control, const wire::Register& m, std::string& why) const;
  /// Whether somebody else has a right to the name.
  bool isTaken(const ClientId& name, const std::optional<PublicKey>& key) const;
  void replace(ControlId old, const ClientId& name);
  void endClientsOf(std::string_view token, const std::string& why);
  void refuse(ControlId id, Control& control, Errc code, std::string why);
  void rejectAll(ControlId to, const std::vector<DataKey>& keys, Errc code, const std::string& reason);
  /// The session if this client takes part in it.
  Session* sessionOf(const Control& control, const wire::SessionRef& ref, Side* side);
  void tellOther(const Session& session, Side from, wire::MessageToClient message);
  void placeChannel(Session& session, Side side, ChannelId channel);
  void noLongerAwaited(const Session& session);
  /// What a target is told of sessions of its own; the caller adds them.
  wire::IncomingRequest requestOf(const ClientRecord& initiator, const ClientRecord& target) const;
  /// What a client was told by its last control channel may be lost with it, or with its process.
  void tellAgain(const ClientRecord& target);
  void removeSession(Session& session);
  enum class Which { all, udpOnly };
  void endSilent(Now now);
  void removeSessionsOf(const ClientId& id, std::string_view reason, Which which = Which::all);
  /// At the next tick: the refusal travels on another connection and should be there first.
  void dropSoon(ChannelId channel) { refused_.push_back(channel); }
  void close(ControlId id, Control& control, bool silent = false);
  void act(Action action) { actions_.push_back(std::move(action)); }

  BrokerConfig config_;
  RandomSource& random_;
  ClientRegistry clients_;
  SessionTable sessions_;
  WaitingRoom waiting_;
  NameBook names_;
  TokenTable tokens_;
  std::unordered_map<std::uint64_t, Control> controls_;
  std::deque<std::pair<TimePoint, SessionId>> pairing_;  ///< deadlines, in order
  std::deque<std::pair<TimePoint, ClientId>> silent_;    ///< when their sessions end, in order; some have come back
  std::vector<ChannelId> refused_;
  std::deque<Action> actions_;
  std::deque<ChannelId> proved_;
  BrokerStats stats_;
};

}  // namespace chuantou::relay
