// What was asked of ctc.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "chuantou/error.hpp"
#include "chuantou/log.hpp"
#include "chuantou/proxy.hpp"
#include "daemon/log_sink.hpp"

namespace chuantou::apps {

enum class ClientCommand {
  run,
  status,
  clients,
  streams,
  admin,
  proxyCreate,
  proxyList,
  proxyDelete,
  ping,
  netcheck,
  identityShow,
  identityExport,
  identityImport,
  peersList,
  peersForget,
  peersTrust,
};

struct ClientOptions {
  ClientCommand command = ClientCommand::run;
  Language language = Language::english;
  std::string dataDir;

  // run
  std::string serverUrl = "ws://127.0.0.1:8200";
  std::string id;
  std::string token;
  std::string fingerprint;
  bool dataTls = false;
  std::string wayOut;  ///< --proxy; empty: the environment's
  std::uint16_t fallbackPort = 443;
  std::uint16_t adminPort = 8201;
  bool adminPortGiven = false;
  std::vector<std::string> allow;
  std::string identityFile;  ///< empty: that of the data dir
  Encryption encryption = Encryption::end_to_end;
  std::vector<ProxyOptions> local;  ///< -L
  std::chrono::milliseconds udpIdleTimeout{60'000};
  std::chrono::milliseconds patience{60'000};
  LogLevel logLevel = LogLevel::info;
  daemon::LogFormat logFormat = daemon::LogFormat::text;

  // netcheck
  std::vector<std::string> stunServers;
  std::vector<std::string> serverUrls;
  std::uint64_t lifetimeSeconds = 0;

  bool migrate = false;  ///< streams
  bool json = false;   ///< status, clients, streams, admin, proxy list, ping, netcheck, identity, peers
  ProxyOptions proxy;  ///< proxy create
  bool udpIdleTimeoutGiven = false;
  std::string which;  ///< proxy delete: a port or a name
  std::string peer;   ///< ping, peers forget, peers trust
  std::string key;    ///< peers trust
  std::string file;   ///< identity export, identity import; "-": stdout, stdin
  bool force = false;
  std::uint64_t count = 4;
  std::uint64_t intervalMs = 500;
  Protocol protocol = Protocol::both;  ///< ping
};

/// False where there is nothing more to do; `exitCode` is set then. Throws Failure (a configuration file, -L).
bool readClientOptions(int argc, char** argv, ClientOptions& options, int& exitCode);

}  // namespace chuantou::apps
