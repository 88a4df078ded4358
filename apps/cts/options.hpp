// What was asked of cts.
#pragma once

#include <cstdint>
#include <string>

#include "chuantou/error.hpp"
#include "chuantou/log.hpp"
#include "chuantou/server.hpp"
#include "daemon/log_sink.hpp"

namespace chuantou::apps {

/// Limits, with the defaults of ServerConfig.
struct LimitOptions {
  std::uint64_t connections = ServerConfig{}.maxConnections;
  std::uint64_t pending = ServerConfig{}.maxPending;
  std::uint64_t pendingPerAddress = ServerConfig{}.maxPendingPerAddress;
  std::uint64_t clients = ServerConfig{}.maxClients;
  std::uint64_t clientsPerAddress = ServerConfig{}.maxClientsPerAddress;
  std::uint64_t registrationsPerMinute = ServerConfig{}.maxRegistrationsPerMinute;
  std::uint64_t authFailuresPerMinute = ServerConfig{}.maxAuthFailuresPerMinute;
  std::uint64_t sessionsPerClient = ServerConfig{}.maxSessionsPerClient;
  std::uint64_t messageBytes = ServerConfig{}.maxMessageBytes;
  std::uint64_t queuedBytes = ServerConfig{}.maxQueuedBytes;
  std::uint64_t stunPerMinute = ServerConfig{}.maxStunPerMinute;

  void applyTo(ServerConfig& config) const;
};

enum class ServerCommand {
  run,
  status,
  clients,
  sessions,
  kick,
  release,
  token,
  tokenList,
  tokenAdd,
  tokenRotate,
  tokenRevoke
};

struct ServerOptions {
  ServerCommand command = ServerCommand::run;
  Language language = Language::english;
  std::string dataDir;

  // run
  std::string host;
  std::uint16_t port = 8200;
  std::vector<std::uint16_t> extraPorts;
  std::string token;
  std::string tokenFile;
  std::string publicHost;
  std::string stunAltAddress;
  bool allowAnonymous = false;
  bool allowKeyless = false;
  std::string tlsCertificateFile;
  std::string tlsKeyFile;
  unsigned threads = 0;
  LogLevel logLevel = LogLevel::info;
  daemon::LogFormat logFormat = daemon::LogFormat::text;
  std::uint64_t handshakeTimeoutMs = 10'000;
  std::uint64_t pairingTimeoutMs = 15'000;
  std::uint64_t heartbeatIntervalMs = 4'000;
  std::uint64_t heartbeatTimeoutMs = 9'000;
  std::uint64_t returnTimeoutMs = 60'000;
  LimitOptions limits;

  bool json = false;  ///< status, clients, sessions, token list
  std::string id;     ///< kick, release

  // token add; the name also of token revoke
  std::string tokenName;
  std::string group = "main";
  std::string expires;
  bool once = false;
  bool allowExpose = false;
  bool disconnect = false;  ///< token rotate
};

/// False where there is nothing more to do; `exitCode` is set then. Throws Failure (a configuration file).
bool readServerOptions(int argc, char** argv, ServerOptions& options, int& exitCode);

}  // namespace chuantou::apps
