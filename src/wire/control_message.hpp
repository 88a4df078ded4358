// The control channel's messages as values (docs/PROTOCOL.md, section 2), and their JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace chuantou::wire {

enum class Transport : std::uint8_t { tcp, udp };

/// Most keys in one connect_request, and so sessions in one message.
inline constexpr std::size_t kMaxBatch = 64;
/// Longest message to the server, and to a client (client lists).
inline constexpr std::size_t kMaxMessageToServer = 64 * 1024;
inline constexpr std::size_t kMaxMessageToClient = 4 * 1024 * 1024;
/// Most clients in one client_list, so that it stays well below kMaxMessageToClient.
inline constexpr std::size_t kMaxListedClients = 20'000;
/// Longest text for people that is passed on; longer ones are cut.
inline constexpr std::size_t kMaxReason = 256;

struct Register {
  std::string clientId;  ///< as sent; checked by the registry, which answers bad ones
  int version = 0;
  std::string proof;  ///< hexadecimal; empty: none
  std::string software;
  std::optional<PublicKey> publicKey{};
  bool temporaryKey = false;  ///< made for this run: it holds the name while it is registered, and does not come to own it
  std::string signature{};    ///< hexadecimal; of the challenge, by publicKey
};

struct RegisterResponse {
  bool success = false;
  std::string assignedId;
  bool existingKicked = false;
  int version = 0;
  std::int64_t heartbeatIntervalMs = 0;
  std::int64_t heartbeatTimeoutMs = 0;
  Errc code = Errc::ok;
  std::string error;
  std::string challenge;  ///< hexadecimal
};

struct Unregister {};
struct GetClientList {};

struct ClientInfo {
  std::string id;
  std::int64_t registeredAtMs = 0;  ///< since 1970
  std::optional<PublicKey> key{};
};
struct ClientList {
  std::vector<ClientInfo> clients;
};

/// By which key the server knows a client.
struct PeerKey {
  std::optional<PublicKey> key{};  ///< none: a client without a key
  bool temporary = false;
};

/// One session in a message. Which members travel depends on the message.
struct SessionRef {
  std::optional<SessionId> id;
  std::optional<DataKey> key;
  std::optional<UdpSession> udp;
};

/// An initiator asks the server for sessions.
struct ConnectRequest {
  std::string toClientId;
  std::uint16_t remotePort = 0;
  std::string remoteHost;  ///< empty: the target's loopback
  std::uint16_t localPort = 0;
  Transport transport = Transport::tcp;
  std::vector<DataKey> keys;
  bool plain = false;  ///< without encryption between the two clients
};
/// The server tells the target. The same type name on the wire, told apart by its direction.
struct IncomingRequest {
  std::string fromClientId;
  std::uint16_t remotePort = 0;
  std::string remoteHost;
  Transport transport = Transport::tcp;
  std::vector<SessionRef> sessions;
  bool plain = false;
  PeerKey fromKey{};
  bool sameGroup = false;  ///< both proved tokens of one group
};
struct CreateSession {
  std::string peerClientId;
  std::uint16_t remotePort = 0;
  std::uint16_t relayPort = 0;
  Transport transport = Transport::tcp;
  std::vector<SessionRef> sessions;
  PeerKey peerKey{};
};
struct AcceptSession {
  std::vector<SessionRef> sessions;
};
/// Reason of peer_offline: it said that it leaves, or was removed, so that its streams are over.
inline constexpr const char* kPeerHasLeft = "left";
struct RejectSession {
  std::vector<SessionRef> sessions;
  Errc code = Errc::protocol_error;
  std::string reason;
};
struct SessionClosed {
  std::vector<SessionRef> sessions;
  std::string reason;
};
struct Heartbeat {
  std::int64_t timestamp = 0;
};
struct ErrorMessage {
  Errc code = Errc::protocol_error;
  std::string message;
};
/// A type that this version does not know.
struct Unknown {
  std::string type;
};

using MessageToServer = std::variant<Register, Unregister, GetClientList, ConnectRequest, AcceptSession, RejectSession,
                                     SessionClosed, Heartbeat, Unknown>;
using MessageToClient = std::variant<RegisterResponse, ClientList, IncomingRequest, CreateSession, AcceptSession,
                                     RejectSession, SessionClosed, Heartbeat, ErrorMessage, Unknown>;

std::string encode(const MessageToServer& message);
std::string encode(const MessageToClient& message);
/// Errors: protocol_error saying which field is wrong.
Result<MessageToServer> decodeToServer(std::string_view json);
Result<MessageToClient> decodeToClient(std::string_view json);

}  // namespace chuantou::wire
