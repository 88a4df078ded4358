#include "engine/client/session_desk.hpp"

#include <fmt/format.h>

#include "base/endpoint_text.hpp"

namespace chuantou::engine {

std::string toString(const Target& target) {
  if (target.host.empty()) return fmt::format("{}:{}", target.peer.str(), target.port);
  return fmt::format("{}:{}", target.peer.str(), formatHostPort(target.host, target.port));
}

DataKey SessionDesk::request(const Target& target, wire::Transport transport, std::uint16_t localPort,
                             std::weak_ptr<SessionHandler> handler) {
  const DataKey key = DataKey::random(random_);
  entries_[key] = Entry{std::move(handler), {}, transport, target};
  waiting_[Batch{target, transport, localPort}].push_back(key);
  if (!flushScheduled_) {
    flushScheduled_ = true;
    asio::post(thread_.context(), [this, weak = std::weak_ptr{alive_}] {
      if (weak.lock()) flush();
    });
  }
  return key;
}

void SessionDesk::flush() {
  flushScheduled_ = false;
  const auto batches = std::exchange(waiting_, {});
  for (const auto& [batch, keys] : batches) {
    const auto& [target, transport, localPort] = batch;
    for (std::size_t at = 0; at < keys.size(); at += wire::kMaxBatch) {
      wire::ConnectRequest request;
      request.toClientId = target.peer.str();
      request.remotePort = target.port;
      request.remoteHost = target.host;
      request.localPort = localPort;
      request.transport = transport;
      request.plain = target.plain;
      const std::size_t end = std::min(keys.size(), at + wire::kMaxBatch);
      request.keys.assign(keys.begin() + static_cast<std::ptrdiff_t>(at), keys.begin() + static_cast<std::ptrdiff_t>(end));
      send_(request);
    }
  }
}

void SessionDesk::erase(const DataKey& key) {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return;
  if (it->second.id) keys_.erase(static_cast<std::uint64_t>(*it->second.id));
  entries_.erase(it);
}

void SessionDesk::forget(const DataKey& key, const char* tellServer) {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return;
  if (tellServer && it->second.id) send_(wire::SessionClosed{{wire::SessionRef{*it->second.id, {}, {}}}, tellServer});
  erase(key);
}

std::optional<DataKey> SessionDesk::keyOf(const wire::SessionRef& ref) const {
  if (ref.key && entries_.count(*ref.key) != 0) return ref.key;
  if (!ref.id) return std::nullopt;
  const auto it = keys_.find(static_cast<std::uint64_t>(*ref.id));
  return it == keys_.end() ? std::nullopt : std::optional{it->second};
}

void SessionDesk::handle(const wire::CreateSession& message) {
  for (const wire::SessionRef& ref : message.sessions) {
    const auto it = ref.key ? entries_.find(*ref.key) : entries_.end();
    if (it == entries_.end() || !ref.id) continue;
    it->second.id = ref.id;
    keys_[static_cast<std::uint64_t>(*ref.id)] = *ref.key;
    if (const auto handler = it->second.handler.lock()) {
      handler->onCreated(*ref.id, ref.udp, message.peerKey);
    } else {
      erase(*ref.key);
    }
  }
}

void SessionDesk::handle(const wire::AcceptSession& message) {
  for (const wire::SessionRef& ref : message.sessions) {
    const auto key = keyOf(ref);
    if (!key) continue;
    if (const auto handler = entries_[*key].handler.lock()) handler->onAccepted();
  }
}

void SessionDesk::fail(const DataKey& key, Errc code, const std::string& reason) {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return;
  const auto handler = it->second.handler.lock();
  const Target target = it->second.target;
  erase(key);
  if (!handler) return;
  const bool ofPeer = code == Errc::unknown_peer || code == Errc::peer_offline;
  handler->onSessionFailed(Error{code, ofPeer ? target.peer.str() : toString(target), reason});
}

void SessionDesk::handle(const wire::RejectSession& message) {
  for (const wire::SessionRef& ref : message.sessions) {
    if (const auto key = keyOf(ref)) fail(*key, message.code, message.reason);
  }
}

void SessionDesk::handle(const wire::SessionClosed& message) {
  for (const wire::SessionRef& ref : message.sessions) {
    if (const auto key = keyOf(ref)) fail(*key, Errc::connection_lost, message.reason);
  }
}

void SessionDesk::handleLost(const Error& error) {
  waiting_.clear();
  std::vector<DataKey> lost;
  for (const auto& [key, entry] : entries_) lost.push_back(key);
  for (const DataKey& key : lost) fail(key, error.errc(), error.detail());
}

}  // namespace chuantou::engine
