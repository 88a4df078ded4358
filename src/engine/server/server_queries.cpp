// What the server is asked from other threads.
#include "engine/server/limit_report.hpp"
#include "engine/server/server_engine.hpp"

namespace chuantou::engine {

std::vector<ServerClientInfo> ServerEngine::clients() {
  return onFront([this] {
    std::vector<ServerClientInfo> out;
    const TimePoint at = Clock::now();
    for (const relay::ClientRecord* record : broker_->clients().list()) {
      out.push_back(ServerClientInfo{record->id.str(), record->address,
                                     std::chrono::duration_cast<Millis>(at - record->since), record->sessions,
                                     record->proved.key ? record->proved.key->str() : std::string{},
                                     record->proved.temporaryKey, record->proved.token});
    }
    return out;
  });
}

std::vector<ServerSessionInfo> ServerEngine::sessions(std::size_t limit) {
  return onFront([this, limit] {
    std::vector<ServerSessionInfo> out;
    const TimePoint at = Clock::now();
    for (const auto& [number, session] : broker_->sessions().all()) {
      if (out.size() >= limit) break;
      out.push_back(ServerSessionInfo{toString(session.id), session.clientOf(relay::Side::initiator).str(),
                                      session.clientOf(relay::Side::target).str(), session.port,
                                      session.transport == wire::Transport::tcp ? "tcp" : "udp",
                                      session.joined ? "connected" : "pairing",
                                      std::chrono::duration_cast<Millis>(at - session.createdAt)});
    }
    return out;
  });
}

ServerStats ServerEngine::stats() {
  return onFront([this] {
    ServerStats out;
    out.uptime = std::chrono::duration_cast<Millis>(Clock::now() - startedAt_);
    out.clients = broker_->clients().online();
    out.sessions = broker_->sessions().size();
    out.connections = connections_;
    out.pendingConnections = gate_->pending();
    out.acceptedTotal = accepted_;
    out.rejectedTotal = rejected_;
    const relay::AdmissionStats& gate = gate_->stats();
    out.droppedEarly = gate.droppedEarly;
    out.droppedPerAddress = gate.droppedPerSource;
    out.refusedRegistrations = gate.refusedClients + gate.refusedRegistrations + gate.refusedGuesses;
    out.registrationsTotal = broker_->stats().registrations;
    out.authFailures = broker_->stats().authFailures;
    out.sessionsTotal = broker_->stats().sessions;
    out.relayedBytes = relayedBytes_;
    out.relayedDatagrams = udp_->stats().datagrams.load(std::memory_order_relaxed);
    out.relayedDatagramBytes = udp_->stats().bytes.load(std::memory_order_relaxed);
    out.droppedDatagrams = udp_->stats().dropped.load(std::memory_order_relaxed);
    out.stunRequests = stun_->stats().requests;
    out.stunAnswers = stun_->stats().answers;
    out.stunRefused = stun_->stats().refused;
    EngineCounts counts = counts_;
    counts.connections = connections_;
    for (const auto& [id, channel] : controls_) counts.longestQueue = std::max(counts.longestQueue, channel->queued());
    out.limits = limitReport(config_, counts, *gate_, *broker_, *stun_);
    return out;
  });
}

ServerCertificate ServerEngine::certificate() {
  return onFront([this] {
    try {
      const crypto::CertificateInfo& info = certificate_->info();
      return ServerCertificate{info.fingerprint.str(), info.expires};
    } catch (const Error& error) {
      log_.error(LogLevel::error, "tls", error);
      return ServerCertificate{};
    }
  });
}

bool ServerEngine::kick(const std::string& clientId) {
  return onFront([this, &clientId] {
    const auto id = ClientId::parse(clientId);
    if (!id || !broker_->handleKick(*id)) return false;
    drain();
    return true;
  });
}

}  // namespace chuantou::engine
