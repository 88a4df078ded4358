// The target's UDP side: a connected socket to the service for each of the peers' flows, or for a ping an echo.
#pragma once

#include <unordered_map>

#include "engine/client/echo_limits.hpp"
#include "engine/client/inbound_carrier.hpp"
#include "engine/client/udp_link.hpp"

namespace chuantou::engine {

class UdpTargets {
 public:
  UdpTargets(ClientContext& context, UdpLink& link) : context_(context), link_(link) {}
  ~UdpTargets();

  /// A peer's session, allowed already. `host` is what it asked for.
  void join(const Visitor& visitor, const Decision& decision, const std::string& host, std::uint16_t port, SessionId id,
            UdpSession session, const DataKey& key);
  /// A ping: a flow to no service. Sends back what comes on it, within EchoLimits.
  void echo(const Visitor& visitor, const std::string& host, SessionId id, UdpSession session, const DataKey& key);
  /// The peer opens its flow over an encrypted carrier. `answer` runs once, with an error or nothing, now or later.
  using SealAnswer = std::function<void(const Error* error)>;
  void seal(const ClientId& peer, const wire::SealFrame& seal, const crypto::SealKeys& keys, SealAnswer answer);
  void handleClosed(const wire::SessionClosed& message);
  void handleLost();

 private:
  class Flow;
  class EchoFlow;
  class ServiceFlow;
  void add(SessionId id, std::shared_ptr<Flow> flow) { flows_[static_cast<std::uint64_t>(id)] = std::move(flow); }
  void useEarly(SessionId id);
  void reject(SessionId id, const Error& error);
  void remove(SessionId id) { flows_.erase(static_cast<std::uint64_t>(id)); }

  ClientContext& context_;
  UdpLink& link_;
  EchoLimits echoes_;
  /// Keys that came before their session: the carrier was faster than the control channel.
  class Early;
  std::unordered_map<std::uint64_t, std::shared_ptr<Flow>> flows_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Early>> early_;
};

}  // namespace chuantou::engine
