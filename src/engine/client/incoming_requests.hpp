// What peers ask this client for: who is let in, and to what.
#pragma once

#include "engine/client/tcp_targets.hpp"
#include "engine/client/udp_targets.hpp"

namespace chuantou::engine {

class IncomingRequests {
 public:
  IncomingRequests(ClientContext& context, TcpTargets& tcp, UdpTargets& udp) : context_(context), tcp_(tcp), udp_(udp) {}

  /// The server is answered for the sessions of TCP; each of UDP answers for itself.
  void handle(const wire::IncomingRequest& request);

 private:
  /// Why this peer is not let in at all; nothing: it is.
  std::optional<Error> unwelcome(const Visitor& visitor) const;
  void refuse(const wire::IncomingRequest& request, Errc code, std::string reason);

  ClientContext& context_;
  TcpTargets& tcp_;
  UdpTargets& udp_;
};

}  // namespace chuantou::engine
