#include "daemon/client_api.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/ids.hpp"
#include "chuantou/version.hpp"
#include "daemon/admin_page.hpp"
#include "daemon/nat_report_json.hpp"
#include "daemon/phrases.hpp"
#include "daemon/proxy_json.hpp"
#include "daemon/proxy_text.hpp"
#include "daemon/stream_json.hpp"
#include "daemon/transport_json.hpp"

namespace chuantou::daemon {

namespace {

constexpr std::string_view kProxiesPrefix = "/api/proxies/";
constexpr std::string_view kMigratePath = "/api/streams/migrate";
constexpr std::string_view kPeersPrefix = "/api/peers/";
constexpr std::size_t kMaxKey = 80;
constexpr Stream::Duration kPeersDeadline{8000};
constexpr Stream::Duration kPingDeadline{8000};
/// The flow, which a side gives up after 6 s of silence, and 10 s of datagrams.
constexpr std::chrono::milliseconds kPingUdpDeadline{18'000};

std::int64_t milliseconds(auto duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

void writeProxy(JsonWriter& json, const Proxy& proxy) {
  const ProxyStats stats = proxy.stats();
  writeProxyOptions(json, proxy.options());
  json.field("activeConnections", stats.activeConnections);
  json.field("connections", stats.connections);
  json.field("failedConnections", stats.failedConnections);
  json.field("activeFlows", stats.activeFlows);
  json.field("datagramsIn", stats.datagramsIn);
  json.field("datagramsOut", stats.datagramsOut);
  json.field("datagramsDropped", stats.datagramsDropped);
  json.field("bytesUp", stats.bytesUp);
  json.field("bytesDown", stats.bytesDown);
}

/// False where the server does not say it now, which is no reason to hide what is remembered.
bool findRegistered(Client& client, std::set<std::string>& out) {
  try {
    for (const PeerInfo& peer : client.peers(kPeersDeadline)) out.insert(peer.id);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::string_view clientStateName(ClientState state) {
  switch (state) {
    case ClientState::stopped:
      return "stopped";
    case ClientState::connecting:
      return "connecting";
    case ClientState::registered:
      return "registered";
    case ClientState::reconnecting:
      return "reconnecting";
    case ClientState::failed:
      return "failed";
  }
  return "unknown";
}

std::string clientStateText(ClientState state, Language language) {
  switch (state) {
    case ClientState::stopped:
      return say(language, {"stopped", "已停止"});
    case ClientState::connecting:
      return say(language, {"connecting", "正在连接"});
    case ClientState::registered:
      return say(language, {"registered", "已注册"});
    case ClientState::reconnecting:
      return say(language, {"reconnecting", "正在重连"});
    case ClientState::failed:
      return say(language, {"failed", "失败"});
  }
  return "?";
}

net::HttpResponse ClientApi::handle(const net::HttpRequest& request) noexcept {
  const Language language = languageOfAcceptHeader(request.header("accept-language"));
  net::HttpResponse response = answer(language, [&] {
    guard_.checkSite(request, language);
    if (auto file = adminPageFile(request.path)) {
      if (request.method == "GET" || request.method == "HEAD") return *std::move(file);
      throw ApiError{405, "method_not_allowed", say(language, kMethodNotAllowed, request.method, request.path)};
    }
    guard_.check(request, language);
    return route(request, language);
  });
  response.headers = adminPageHeaders();
  return response;
}

net::HttpResponse ClientApi::route(const net::HttpRequest& request, Language language) {
  const std::string& path = request.path;
  const bool get = request.method == "GET";
  const bool post = request.method == "POST";
  const auto body = [&] { return JsonDocument{request.body, net::kMaxHttpBody, language}; };
  if (get && path == "/api/status") return status(language);
  if (get && path == "/api/streams") return streams(language);
  if (get && path == "/api/clients") return clients();
  if (get && path == "/api/proxies") return proxies();
  if (post && path == "/api/proxies") return createProxy(body().root(), language);
  if (post && path == "/api/ping") return ping(body().root(), language);
  if (get && path == "/api/netcheck") return netcheck(language);
  if (post && path == "/api/netcheck") {
    body().root().onlyFields({});
    detector_.invalidateCache();
    return netcheck(language);
  }
  if (post && path == kMigratePath) {
    body().root().onlyFields({});
    JsonWriter json;
    json.field("streams", static_cast<std::uint64_t>(client_.migrateStreams()));
    return net::HttpResponse{202, "application/json", json.finish()};
  }
  const bool oneProxy = path.starts_with(kProxiesPrefix) && path.size() > kProxiesPrefix.size();
  if (request.method == "DELETE" && oneProxy) return deleteProxy(path.substr(kProxiesPrefix.size()), language);
  if (get && path == "/api/peers") return knownPeers();
  if (post && path == "/api/peers") return trustPeer(body().root(), language);
  const bool onePeer = path.starts_with(kPeersPrefix) && path.size() > kPeersPrefix.size();
  if (request.method == "DELETE" && onePeer) return forgetPeer(path.substr(kPeersPrefix.size()), language);
  constexpr std::string_view kPaths[] = {"/api/status", "/api/streams",  "/api/clients", "/api/proxies",
                                         "/api/ping",   "/api/netcheck", "/api/peers",   kMigratePath};
  if (oneProxy || onePeer || std::find(std::begin(kPaths), std::end(kPaths), path) != std::end(kPaths)) {
    throw ApiError{405, "method_not_allowed", say(language, kMethodNotAllowed, request.method, path)};
  }
  throw ApiError{404, "not_found", say(language, kNoSuchPath, path)};
}

net::HttpResponse ClientApi::status(Language language) {
  const ClientStats stats = client_.stats();
  JsonWriter json;
  json.field("program", "ctc");
  json.field("version", version());
  json.field("pid", static_cast<std::int64_t>(::getpid()));
  json.field("uptimeMs", milliseconds(std::chrono::steady_clock::now() - startedAt_));
  json.field("state", clientStateName(stats.state));
  json.field("stateText", clientStateText(stats.state, language));
  json.field("id", stats.id);
  json.field("key", client_.publicKey());
  json.field("server", stats.serverUrl);
  if (stats.lastError) {
    json.beginObject("lastError");
    json.field("code", stats.lastError.category() == error_category()
                           ? errcName(static_cast<Errc>(stats.lastError.value()))
                           : "system_error");
    json.field("message", stats.lastErrorMessage);
    json.endObject();
  } else {
    json.null("lastError");
  }
  json.field("reconnects", stats.reconnects);
  json.field("connectedForMs", milliseconds(stats.connectedFor));
  json.field("rttUs", static_cast<std::int64_t>(stats.serverRtt.count()));
  json.field("way", stats.serverWay);
  writeTransports(json, "transports", stats.transports);
  writePeerWays(json, client_.peerWays());
  json.field("outboundActive", stats.outboundActive);
  json.field("inboundActive", stats.inboundActive);
  json.field("outboundTotal", stats.outboundTotal);
  json.field("inboundTotal", stats.inboundTotal);
  json.field("bytesUp", stats.bytesUp);
  json.field("bytesDown", stats.bytesDown);
  json.beginObject("streams");
  json.field("open", stats.streams);
  json.field("stalled", stats.streamsStalled);
  json.field("stalls", stats.streamStalls);
  json.field("resumes", stats.streamResumes);
  json.field("migrations", stats.streamMigrations);
  json.field("givenUp", stats.streamsGivenUp);
  json.field("repeatedBytes", stats.repeatedBytes);
  json.field("lostTimeMs", milliseconds(stats.lostTime));
  json.endObject();
  writeProxies(json);
  return {200, "application/json", json.finish()};
}

net::HttpResponse ClientApi::streams(Language language) {
  JsonWriter json;
  writeStreams(json, client_.streams(), language);
  return {200, "application/json", json.finish()};
}

net::HttpResponse ClientApi::clients() {
  const std::vector<PeerInfo> peers = client_.peers(kPeersDeadline);
  const std::string self = client_.id();
  JsonWriter json;
  json.beginArray("clients");
  for (const PeerInfo& peer : peers) {
    json.beginObject();
    json.field("id", peer.id);
    if (!peer.key.empty()) json.field("key", peer.key);
    json.field("registeredAtMs", milliseconds(peer.registeredAt.time_since_epoch()));
    json.field("self", peer.id == self);
    json.endObject();
  }
  json.endArray();
  return {200, "application/json", json.finish()};
}

net::HttpResponse ClientApi::proxies() {
  JsonWriter json;
  writeProxies(json);
  return {200, "application/json", json.finish()};
}

void ClientApi::writeProxies(JsonWriter& json) {
  json.beginArray("proxies");
  for (const Proxy& proxy : client_.proxies()) {
    if (!proxy.isOpen()) continue;
    json.beginObject();
    writeProxy(json, proxy);
    json.endObject();
  }
  json.endArray();
}

net::HttpResponse ClientApi::createProxy(const JsonObject& body, Language language) {
  const ProxyOptions options = readProxyOptions(body, language, udpIdleTimeout_);
  if (!options.name.empty()) {
    for (const Proxy& other : client_.proxies()) {
      if (!other.isOpen() || other.options().name != options.name) continue;
      throw ApiError{409, "already_exists", say(language, kNameTaken, options.name)};
    }
  }
  Proxy proxy = client_.createProxy(options);
  if (store_ != nullptr) {
    try {
      store_->add(proxy.options());
    } catch (const std::exception& error) {
      proxy.close();
      throw ApiError{500, "not_saved", say(language, kProxyNotSaved, error.what())};
    }
  }
  JsonWriter json;
  writeProxy(json, proxy);
  return {201, "application/json", json.finish()};
}

net::HttpResponse ClientApi::deleteProxy(const std::string& which, Language language) {
  std::uint64_t closed = 0;
  for (Proxy& proxy : client_.proxies()) {
    const ProxyOptions options = proxy.options();
    if (!proxy.isOpen() || (options.name != which && std::to_string(options.localPort) != which)) continue;
    if (store_ != nullptr) store_->remove(options);
    proxy.close();
    ++closed;
  }
  // One that could not be opened at this run is only in the file, and must be possible to forget too.
  if (store_ != nullptr) {
    for (const ProxyOptions& options : store_->list()) {
      if (options.name != which && std::to_string(options.localPort) != which) continue;
      store_->remove(options);
      ++closed;
    }
  }
  if (closed == 0) throw ApiError{404, "not_found", say(language, kNoSuchProxy, which)};
  JsonWriter json;
  json.field("closed", closed);
  return {200, "application/json", json.finish()};
}

net::HttpResponse ClientApi::ping(const JsonObject& body, Language language) {
  body.onlyFields({"peer", "protocol", "count", "intervalMs"});
  const std::string peer = body.requiredText("peer", 64);
  if (!isClientId(peer)) throw ApiError{400, "bad_request", say(language, kBadPeer, peer)};
  const std::string protocol = body.text("protocol", 8).value_or("tcp");
  if (protocol == "udp") return pingUdp(peer, body);
  if (protocol != "tcp") throw ApiError{400, "bad_request", say(language, kBadPingProtocol, protocol)};
  body.onlyFields({"peer", "protocol"});
  const PingResult result = client_.ping(peer, kPingDeadline);
  JsonWriter json;
  json.field("peer", peer);
  json.field("rttUs", static_cast<std::int64_t>(result.rtt.count()));
  return {200, "application/json", json.finish()};
}

net::HttpResponse ClientApi::pingUdp(const std::string& peer, const JsonObject& body) {
  UdpPingOptions options;
  options.count = body.number("count", 1, 100).value_or(1);
  options.interval = std::chrono::milliseconds{body.number("intervalMs", 10, 10'000).value_or(options.interval.count())};
  options.deadline = kPingUdpDeadline;
  const UdpPingResult result = client_.pingUdp(peer, options);
  JsonWriter json;
  json.field("peer", peer);
  json.beginArray("rttUs");
  for (const auto& rtt : result.rtts) {
    if (rtt) {
      json.field({}, static_cast<std::int64_t>(rtt->count()));
    } else {
      json.null({});
    }
  }
  json.endArray();
  return {200, "application/json", json.finish()};
}

net::HttpResponse ClientApi::netcheck(Language language) {
  return {200, "application/json", natReportJson(detector_.detect(), language)};
}

net::HttpResponse ClientApi::knownPeers() {
  std::set<std::string> registered;
  const bool known = client_.state() == ClientState::registered && findRegistered(client_, registered);
  JsonWriter json;
  json.beginArray("peers");
  for (const KnownPeerInfo& peer : client_.knownPeers()) {
    json.beginObject();
    json.field("id", peer.id);
    json.field("key", peer.key);
    json.field("sinceMs", milliseconds(peer.since.time_since_epoch()));
    if (known) json.field("registered", registered.count(peer.id) != 0);
    json.endObject();
  }
  json.endArray();
  return {200, "application/json", json.finish()};
}

net::HttpResponse ClientApi::trustPeer(const JsonObject& body, Language language) {
  body.onlyFields({"id", "key"});
  const std::string id = body.requiredText("id", 64);
  const std::string key = body.requiredText("key", kMaxKey);
  if (!isClientId(id)) throw ApiError{400, "bad_request", say(language, kBadPeer, id)};
  const auto parsed = PublicKey::parse(key);
  if (!parsed) throw ApiError{400, "bad_request", say(language, kBadKey, key)};
  client_.trustPeer(id, key);
  JsonWriter json;
  json.field("id", id);
  json.field("key", parsed->str());
  return {200, "application/json", json.finish()};
}

net::HttpResponse ClientApi::forgetPeer(const std::string& peer, Language language) {
  if (!client_.forgetPeer(peer)) throw ApiError{404, "not_found", say(language, kNoSuchPeer, peer)};
  JsonWriter json;
  json.field("forgotten", peer);
  return {200, "application/json", json.finish()};
}

}  // namespace chuantou::daemon
