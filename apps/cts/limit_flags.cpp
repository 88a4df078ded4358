#include "cts/limit_flags.hpp"

namespace chuantou::apps {

namespace {

constexpr std::uint64_t kMost = 100'000'000;

constexpr Phrase kConnections{"Connections at a time (default 200000)", "同时存在的连接数上限（默认 200000）"};
constexpr Phrase kPending{"Connections that have neither registered nor joined a session; random ones are dropped from half of "
                          "this on (default 8192)",
                          "尚未注册也未加入会话的连接数上限；超过一半后开始随机断开（默认 8192）"};
constexpr Phrase kPendingPerAddress{"The same, of one IPv4 address or IPv6 /64 without registered clients (default 1024)",
                                    "同上，单个没有已注册客户端的 IPv4 地址或 IPv6 /64（默认 1024）"};
constexpr Phrase kClients{"Registered clients at a time (default 100000)", "同时注册的客户端数上限（默认 100000）"};
constexpr Phrase kClientsPerAddress{"The same, of one address (default 16384)", "同上，单个地址（默认 16384）"};
constexpr Phrase kRegistrations{"Attempts to register, of one address (default 20000)",
                                "单个地址每分钟的注册尝试次数（默认 20000）"};
constexpr Phrase kAuthFailures{"Failed attempts of one address, after which it must wait (default 60)",
                               "单个地址每分钟认证失败次数，超过后须等待（默认 60）"};
constexpr Phrase kSessions{"Sessions of one client at a time (default 50000)", "单个客户端同时存在的会话数上限（默认 50000）"};
constexpr Phrase kMessage{"Longest message of a client, 4096 to 65536 (default 65536)",
                          "客户端消息的最大字节数，4096 到 65536（默认 65536）"};
constexpr Phrase kQueued{"Bytes that may wait for a client that does not read (default 8388608)",
                         "客户端不读取时可排队的字节数（默认 8388608）"};
constexpr Phrase kStun{"STUN answers to one address (default 6000)", "单个地址每分钟的 STUN 应答数（默认 6000）"};

}  // namespace

void addLimitFlags(Flags& run, LimitOptions& limits) {
  run.number("--max-connections", limits.connections, 1, kMost, "N", kConnections);
  run.number("--max-pending", limits.pending, 1, kMost, "N", kPending);
  run.number("--max-pending-per-address", limits.pendingPerAddress, 1, kMost, "N", kPendingPerAddress);
  run.number("--max-clients", limits.clients, 1, kMost, "N", kClients);
  run.number("--max-clients-per-address", limits.clientsPerAddress, 1, kMost, "N", kClientsPerAddress);
  run.number("--max-registrations-per-minute", limits.registrationsPerMinute, 1, kMost, "N", kRegistrations);
  run.number("--max-auth-failures-per-minute", limits.authFailuresPerMinute, 1, kMost, "N", kAuthFailures);
  run.number("--max-sessions-per-client", limits.sessionsPerClient, 1, kMost, "N", kSessions);
  run.number("--max-message-bytes", limits.messageBytes, 4'096, 65'536, "BYTES", kMessage);
  run.number("--max-queued-bytes", limits.queuedBytes, 4'096, std::uint64_t{1} << 40, "BYTES", kQueued);
  run.number("--max-stun-per-minute", limits.stunPerMinute, 1, kMost, "N", kStun);
}

void LimitOptions::applyTo(ServerConfig& config) const {
  config.maxConnections = connections;
  config.maxPending = pending;
  config.maxPendingPerAddress = pendingPerAddress;
  config.maxClients = clients;
  config.maxClientsPerAddress = clientsPerAddress;
  config.maxRegistrationsPerMinute = registrationsPerMinute;
  config.maxAuthFailuresPerMinute = authFailuresPerMinute;
  config.maxSessionsPerClient = sessionsPerClient;
  config.maxMessageBytes = messageBytes;
  config.maxQueuedBytes = queuedBytes;
  config.maxStunPerMinute = stunPerMinute;
}

}  // namespace chuantou::apps
