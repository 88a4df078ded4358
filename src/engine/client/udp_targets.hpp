// The target's UDP side: a connected socket to the service for each of the peers' flows.
#pragma once

#include <unordered_map>

#include "engine/client/udp_link.hpp"

namespace chuantou::engine {

class UdpTargets {
 public:
  UdpTargets(ClientContext& context, UdpLink& link) : context_(context), link_(link) {}
  ~UdpTargets();

  /// A peer's session, allowed already; `host` is what it asked for.
  void join(const ClientId& peer, const Decision& decision, const std::string& host, std::uint16_t port, SessionId id,
            UdpSession session, const DataKey& key);
  void handleClosed(const wire::SessionClosed& message);
  void handleLost();

 private:
  class Flow;
  void reject(SessionId id, const Error& error);
  void remove(SessionId id) { flows_.erase(static_cast<std::uint64_t>(id)); }

  ClientContext& context_;
  UdpLink& link_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Flow>> flows_;
};

}  // namespace chuantou::engine
