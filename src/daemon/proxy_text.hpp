// Proxies as people write and read them.
#pragma once

#include <string>
#include <string_view>

#include "chuantou/proxy.hpp"
#include "daemon/language.hpp"

namespace chuantou::daemon {

/// LOCAL:PEER:PORT[/tcp|/udp] or LOCAL:PEER:HOST:PORT[/tcp|/udp], LOCAL being PORT or HOST:PORT; IPv6 in brackets.
/// Throws Failure (exit code 2).
ProxyOptions parseLocalFlag(std::string_view text, Language language);

/// The stable line "proxy 127.0.0.1:9090 -> B:8080", with HOST where the target's own loopback is not meant.
std::string proxyLine(const ProxyOptions& options);
std::string proxyLocal(const ProxyOptions& options);   ///< "127.0.0.1:9090"
std::string proxyTarget(const ProxyOptions& options);  ///< "B:8080"

/// "both", "tcp", "udp".
std::string_view protocolName(Protocol protocol);
bool parseProtocol(std::string_view text, Protocol& out);
/// "end-to-end", "none".
std::string_view encryptionName(Encryption encryption);
bool parseEncryption(std::string_view text, Encryption& out);
/// What delete can find it by: 1 to 64 of [A-Za-z0-9._-], not digits alone, which would be a port.
bool isProxyName(std::string_view text);
bool isClientId(std::string_view text);
/// Brackets around IPv6 addresses.
std::string hostPort(std::string_view host, std::uint16_t port);

}  // namespace chuantou::daemon
