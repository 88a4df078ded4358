#include "engine/client/tcp_targets.hpp"

namespace chuantou::engine {

namespace {
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

void TcpTargets::serve(std::uint16_t port, std::shared_ptr<detail::StreamImpl> stream) {
  const auto listener = listeners_.at(port);  // a copy: it may call unlisten()
  listener(std::move(stream));
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
