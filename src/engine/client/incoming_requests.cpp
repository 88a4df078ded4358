#include "engine/client/incoming_requests.hpp"

namespace chuantou::engine {

void IncomingRequests::handle(const wire::IncomingRequest& request) {
  const auto peer = ClientId::parse(request.fromClientId);
  if (!peer) return;
  const bool isPing = request.remotePort == 0;  // no service is reached, so that none need be offered
  Decision forUdp;
  if (request.transport == wire::Transport::udp) {
    forUdp = tcp_.rules().decide(*peer, request.sameGroup, request.remoteHost, request.remotePort);
  }
  const bool offered = request.transport == wire::Transport::tcp
                           ? tcp_.offers(*peer, request.sameGroup, request.remoteHost, request.remotePort)
                           : forUdp.allowed();
  if (!isPing && !offered) {
    const Error error{Errc::not_allowed, std::to_string(request.remotePort)};
    context_.log.log(LogLevel::warn, "target", "{} asked for {}: {}", peer->str(), error.subject(), error.message(context_.log.language()));
    return refuse(request, error.errc(), "");
  }
  const Visitor visitor{*peer, request.fromKey, request.plain, request.sameGroup};
  if (const auto unwanted = unwelcome(visitor)) {
    context_.log.error(LogLevel::error, "trust", *unwanted);
    return refuse(request, unwanted->errc() == Errc::encryption_required ? Errc::encryption_required : Errc::not_allowed,
                  unwanted->errc() == Errc::peer_key_changed ? "another key of yours is remembered there" : unwanted->detail());
  }
  wire::AcceptSession accept;
  for (const wire::SessionRef& ref : request.sessions) {
    if (!ref.id || !ref.key) continue;
    if (request.transport == wire::Transport::tcp) {
      tcp_.join(visitor, *ref.key);
      accept.sessions.push_back(wire::SessionRef{ref.id, {}, {}});
    } else if (ref.udp && isPing) {
      udp_.echo(visitor, request.remoteHost, *ref.id, *ref.udp, *ref.key);
    } else if (ref.udp) {
      udp_.join(visitor, forUdp, request.remoteHost, request.remotePort, *ref.id, *ref.udp, *ref.key);
    }
  }
  if (!accept.sessions.empty()) context_.link.send(accept);
}

std::optional<Error> IncomingRequests::unwelcome(const Visitor& visitor) const {
  if (visitor.plain) {
    if (context_.config.encryption == Encryption::none) return std::nullopt;
    return Error{Errc::encryption_required, visitor.id.str(), "the target wants encryption"};
  }
  const auto key = context_.trust.judge(visitor.id, visitor.key);
  return key ? std::nullopt : std::optional{key.error()};
}

void IncomingRequests::refuse(const wire::IncomingRequest& request, Errc code, std::string reason) {
  wire::RejectSession reject;
  reject.code = code;
  reject.reason = std::move(reason);
  for (const wire::SessionRef& ref : request.sessions) reject.sessions.push_back(wire::SessionRef{ref.id, {}, {}});
  context_.link.send(reject);
}

}  // namespace chuantou::engine
