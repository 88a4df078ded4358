#include "engine/server/limit_report.hpp"

#include <algorithm>

namespace chuantou::engine {

std::vector<ServerLimit> limitReport(const ServerConfig& config, const EngineCounts& counts, Gate& gate,
                                     const relay::Broker& broker, StunService& stun) {
  const relay::AdmissionStats& dropped = gate.stats();
  const relay::Admission::Most most = gate.most();
  std::size_t sessions = 0;
  for (const relay::ClientRecord* record : broker.clients().list()) sessions = std::max(sessions, record->sessions);
  return {
      {"max-connections", config.maxConnections, counts.connections, counts.refusedConnections},
      {"max-pending", config.maxPending, gate.pending(), dropped.droppedEarly},
      {"max-pending-per-address", config.maxPendingPerAddress, most.pending, dropped.droppedPerSource},
      {"max-clients", config.maxClients, broker.clients().online(), broker.stats().refusedClients},
      {"max-clients-per-address", config.maxClientsPerAddress, most.clients, dropped.refusedClients},
      {"max-registrations-per-minute", config.maxRegistrationsPerMinute, most.registrations, dropped.refusedRegistrations},
      {"max-auth-failures-per-minute", config.maxAuthFailuresPerMinute, most.authFailures, dropped.refusedGuesses},
      {"max-sessions-per-client", config.maxSessionsPerClient, sessions, broker.stats().refusedSessions},
      {"max-message-bytes", config.maxMessageBytes, counts.longestMessage, counts.tooLong},
      {"max-queued-bytes", config.maxQueuedBytes, counts.longestQueue, counts.cutOff},
      {"max-stun-per-minute", config.maxStunPerMinute, stun.mostOfASource(), stun.stats().refused},
      {"handshake-timeout", static_cast<std::uint64_t>(config.handshakeTimeout.count()), gate.pending(),
       counts.late + broker.stats().late},
  };
}

}  // namespace chuantou::engine
