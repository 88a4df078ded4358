#include "engine/client/tcp_targets.hpp"

namespace chuantou::engine {

TcpTargets::~TcpTargets() {
  while (!carriers_.empty()) (*carriers_.begin())->end();
}

bool TcpTargets::offers(const ClientId& peer, bool sameGroup, const std::string& host, std::uint16_t port) const {
  const bool listened = sameGroup && isLoopbackName(host) && listeners_.count(port) != 0;
  return listened || rules_.decide(peer, sameGroup, host, port).allowed();
}

void TcpTargets::join(Visitor visitor, const DataKey& key) {
  std::make_shared<InboundCarrier>(*this, std::move(visitor))->start(key);
}

}  // namespace chuantou::engine
