// The target's end of a carrier: dials the server, waits for OPEN, reaches the service and passes its bytes.
#pragma once

#include <map>
#include <unordered_set>

#include "engine/client/client_context.hpp"
#include "engine/client/stream_impl.hpp"
#include "net/pump.hpp"
#include "wire/carrier_frame.hpp"

namespace chuantou::engine {

/// All that this client offers to its peers over TCP.
class TcpTargets {
 public:
  using StreamListener = std::function<void(std::shared_ptr<detail::StreamImpl> stream)>;

  TcpTargets(ClientContext& context, PortRules rules, std::shared_ptr<net::IoThread> thread)
      : context_(context), rules_(std::move(rules)), thread_(std::move(thread)) {}
  ~TcpTargets();

  /// False: the port is taken.
  bool listen(std::uint16_t port, StreamListener listener) { return listeners_.emplace(port, std::move(listener)).second; }
  void unlisten(std::uint16_t port) { listeners_.erase(port); }
  bool offers(const ClientId& peer, bool sameGroup, const std::string& host, std::uint16_t port) const;
  /// A peer's session: takes part in it.
  void join(const ClientId& peer, bool sameGroup, const DataKey& key);
  const PortRules& rules() const noexcept { return rules_; }
  void dropStandby();

 private:
  class Carrier;
  ClientContext& context_;
  PortRules rules_;
  std::shared_ptr<net::IoThread> thread_;
  std::map<std::uint16_t, StreamListener> listeners_;
  std::unordered_set<Carrier*> carriers_;
};

}  // namespace chuantou::engine
