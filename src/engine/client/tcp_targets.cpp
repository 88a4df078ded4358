#include "engine/client/tcp_targets.hpp"

#include "base/endpoint_text.hpp"
#include "net/sys_error.hpp"
#include "net/target_dial.hpp"

namespace chuantou::engine {

namespace {
constexpr std::chrono::seconds kServiceDialDeadline{10};
/// The ends of streams that are remembered.
constexpr std::size_t kMostEnded = 10'000;
}  // namespace

TcpTargets::~TcpTargets() {
  for (const auto& [key, stream] : std::exchange(streams_, {})) {
    stream->targets_ = nullptr;
    stream->endNow();
  }
  while (!carriers_.empty()) (*carriers_.begin())->end();
}

bool TcpTargets::offers(const ClientId& peer, bool sameGroup, const std::string& host, std::uint16_t port) const {
  const bool listened = sameGroup && isLoopbackName(host) && listeners_.count(port) != 0;
  return listened || rules_.decide(peer, sameGroup, host, port).allowed();
}

void TcpTargets::reach(Wish wish) {
  ++context_.counters.inboundTotal;
  const std::string where = wish.host.empty() ? std::to_string(wish.port) : formatHostPort(wish.host, wish.port);
  if (context_.counters.inboundActive >= context_.config.maxSessions) {
    return wish.refused(Error{Errc::limit_reached, where, "too many connections to this client"});
  }
  const Decision decision = rules_.decide(wish.peer, wish.sameGroup, wish.host, wish.port);
  const bool allowed = wish.sameGroup || decision.allowed();
  if (allowed && isLoopbackName(wish.host) && listeners_.count(wish.port) != 0) return wish.inProcess();
  if (!decision.allowed()) return wish.refused(Error{Errc::not_allowed, where});
  net::dialTarget(context_.thread.context(), decision, wish.port, kServiceDialDeadline,
                  [where, connected = std::move(wish.connected), refused = std::move(wish.refused)](const net::ErrorCode& ec, net::TcpSocket service) {
                    if (ec) return refused(net::serviceError(ec, where));
                    connected(std::move(service));
                  });
}

void TcpTargets::serve(std::uint16_t port, const ClientId& peer, std::unique_ptr<StreamTransport> transport) {
  const auto listener = listeners_.at(port);  // a copy: it may call unlisten()
  listener(std::make_shared<detail::StreamImpl>(thread_, std::move(transport), peer.str(), port));
}

std::shared_ptr<InboundStream> TcpTargets::find(const PublicKey& peer, const StreamId& id) const {
  const auto it = streams_.find(StreamKey{peer, id});
  return it == streams_.end() ? nullptr : it->second;
}

void TcpTargets::rememberEnd(const StreamKey& key) {
  if (!ended_.insert(key).second) return;
  endedOrder_.push_back(key);
  if (endedOrder_.size() <= kMostEnded) return;
  ended_.erase(endedOrder_.front());
  endedOrder_.pop_front();
}

void TcpTargets::join(Visitor visitor, const DataKey& key) {
  std::make_shared<InboundCarrier>(*this, std::move(visitor))->start(key);
}

}  // namespace chuantou::engine
