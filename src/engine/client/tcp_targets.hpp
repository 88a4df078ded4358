// What this client offers to its peers over TCP.
#pragma once

#include <map>
#include <unordered_set>

#include "crypto/datagram_seal.hpp"
#include "engine/client/inbound_carrier.hpp"
#include "engine/client/stream_impl.hpp"

namespace chuantou::engine {

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
  void join(Visitor visitor, const DataKey& key);
  const PortRules& rules() const noexcept { return rules_; }

  /// A peer opens a UDP flow over one of the carriers. `answer` runs once, now or later.
  std::function<void(const ClientId& peer, const wire::SealFrame& seal, const crypto::SealKeys& keys,
                     std::function<void(const Error* error)> answer)>
      onSeal;

 private:
  friend class InboundCarrier;

  ClientContext& context_;
  PortRules rules_;
  std::shared_ptr<net::IoThread> thread_;
  std::map<std::uint16_t, StreamListener> listeners_;
  std::unordered_set<InboundCarrier*> carriers_;
};

}  // namespace chuantou::engine
