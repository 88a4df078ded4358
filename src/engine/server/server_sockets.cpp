#include "engine/server/server_sockets.hpp"

#include <iterator>

#include "base/target_host.hpp"
#include "net/listener.hpp"

namespace chuantou::engine {

namespace {

/// A port that the system chose may be taken on the second address for STUN.
constexpr int kTriesForFreePorts = 32;

bool mayBeOpen(const ServerConfig& config) { return !config.token.empty() || config.makeToken || config.allowAnonymous; }

/// Without a token, and without the operator's word that none is wanted, only this machine may come in.
Result<std::vector<std::string>> hostsOf(const ServerConfig& config) {
  const bool open = mayBeOpen(config);
  const bool all = config.host.empty() || config.host == "0.0.0.0";
  if (!config.host.empty() && !open && !isThisMachine(config.host)) {
    return Error{Errc::invalid_argument, "listening on " + config.host + " without a token",
                 "give --token, or --allow-anonymous if anyone may use this server"};
  }
  if (!all) return std::vector{config.host};
  if (!open) return std::vector<std::string>{"127.0.0.1", "::1"};
  return std::vector<std::string>{"0.0.0.0", "::"};
}

}  // namespace

Result<ServerSockets> openServerSockets(asio::io_context& context, const ServerConfig& config, const std::optional<StunAltAddress>& stunAlt) {
  auto hosts = hostsOf(config);
  if (!hosts) return hosts.error();
  net::ListenOptions options;
  options.hosts = std::move(*hosts);
  options.port = config.port;
  ServerSockets out;
  auto listening = net::listenOn(context, options);
  for (int tries = config.port == 0 ? kTriesForFreePorts : 1; listening && stunAlt; --tries) {
    auto opened = openStunSockets(context, *stunAlt, listening->udp, config.port == 0);
    if (opened) {
      out.second = std::move(*opened);
      break;
    }
    if (tries == 1 || opened.error().errc() != Errc::port_in_use) return opened.error();
    listening = net::listenOn(context, options);
  }
  if (!listening) return listening.error();
  out.host = std::move(listening->host);
  out.port = listening->port;
  out.tcp = std::move(listening->tcp);
  out.udp = std::move(listening->udp);
  for (const std::uint16_t port : config.extraPorts) {
    options.port = port;
    options.udp = false;
    options.portFlag = "--extra-port";
    auto extra = net::listenOn(context, options);
    if (!extra) return extra.error();
    out.extraPorts.push_back(extra->port);
    std::move(extra->tcp.begin(), extra->tcp.end(), std::back_inserter(out.tcp));
  }
  return out;
}

}  // namespace chuantou::engine
