#include "daemon/server_api.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "chuantou/version.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/phrases.hpp"
#include "daemon/proxy_text.hpp"

namespace chuantou::daemon {

namespace {

constexpr std::size_t kDefaultSessions = 1000;
constexpr std::size_t kMostSessions = 100'000;

std::size_t limitOf(std::string_view query) {
  constexpr std::string_view kName = "limit=";
  std::size_t limit = kDefaultSessions;
  if (query.starts_with(kName)) {
    query.remove_prefix(kName.size());
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(query.data(), query.data() + query.size(), value);
    if (error == std::errc{} && end == query.data() + query.size()) limit = value;
  }
  return std::min(limit, kMostSessions);
}

}  // namespace

net::HttpResponse ServerApi::handle(const net::HttpRequest& request) noexcept {
  const Language language = languageOfAcceptHeader(request.header("accept-language"));
  return answer(language, [&] {
    // The port is public: a stranger learns nothing from the answers, not even which paths there are.
    guard_.check(request, language);
    return route(request, language);
  });
}

net::HttpResponse ServerApi::route(const net::HttpRequest& request, Language language) {
  const std::string& path = request.path;
  const bool get = request.method == "GET";
  if (get && path == "/api/status") return status();
  if (get && path == "/api/clients") return clients();
  if (get && path == "/api/sessions") return sessions(request.query);
  if (get && path == "/api/token") return token(language);
  if (get && path == "/api/tokens") return tokens();
  constexpr std::string_view kChanges[] = {"/api/kick", "/api/tokens", "/api/tokens/rotate", "/api/tokens/revoke",
                                           "/api/release"};
  const bool changes = std::find(std::begin(kChanges), std::end(kChanges), path) != std::end(kChanges);
  if (changes && request.method == "POST") {
    const JsonDocument body{request.body, net::kMaxHttpBody, language};
    return change(path, body.root(), language);
  }
  constexpr std::string_view kViews[] = {"/api/status", "/api/clients", "/api/sessions", "/api/token"};
  if (changes || std::find(std::begin(kViews), std::end(kViews), path) != std::end(kViews)) {
    throw ApiError{405, "method_not_allowed", say(language, kMethodNotAllowed, request.method, path)};
  }
  throw ApiError{404, "not_found", say(language, kNoSuchPath, path)};
}

net::HttpResponse ServerApi::change(const std::string& path, const JsonObject& body, Language language) {
  if (path == "/api/tokens") return addToken(body);
  if (path == "/api/tokens/rotate") return rotateToken(body);
  if (path == "/api/tokens/revoke") return revokeToken(body, language);
  if (path == "/api/release") return release(body, language);
  return kick(body, language);
}

net::HttpResponse ServerApi::status() {
  const ServerStats stats = server_.stats();
  JsonWriter json;
  json.field("program", "cts");
  json.field("version", version());
  json.field("pid", static_cast<std::int64_t>(::getpid()));
  json.field("state", "running");
  json.field("host", server_.host());
  json.field("port", server_.port());
  const ServerCertificate certificate = server_.certificate();
  json.field("certificateFingerprint", certificate.fingerprint);
  json.field("certificateExpires",
             std::chrono::duration_cast<std::chrono::milliseconds>(certificate.expires.time_since_epoch()).count());
  json.field("uptimeMs", static_cast<std::int64_t>(stats.uptime.count()));
  json.field("clients", stats.clients);
  json.field("sessions", stats.sessions);
  json.field("connections", stats.connections);
  json.field("pendingConnections", stats.pendingConnections);
  json.field("acceptedTotal", stats.acceptedTotal);
  json.field("rejectedTotal", stats.rejectedTotal);
  json.field("registrationsTotal", stats.registrationsTotal);
  json.field("authFailures", stats.authFailures);
  json.field("sessionsTotal", stats.sessionsTotal);
  json.field("relayedBytes", stats.relayedBytes);
  json.field("relayedDatagrams", stats.relayedDatagrams);
  json.field("relayedDatagramBytes", stats.relayedDatagramBytes);
  json.field("droppedDatagrams", stats.droppedDatagrams);
  json.field("droppedEarly", stats.droppedEarly);
  json.field("droppedPerAddress", stats.droppedPerAddress);
  json.field("refusedRegistrations", stats.refusedRegistrations);
  json.field("stunRequests", stats.stunRequests);
  json.field("stunAnswers", stats.stunAnswers);
  json.field("stunRefused", stats.stunRefused);
  json.beginArray("limits");
  for (const ServerLimit& limit : stats.limits) {
    json.beginObject();
    json.field("name", limit.name);
    json.field("limit", limit.limit);
    json.field("now", limit.now);
    json.field("refused", limit.refused);
    json.endObject();
  }
  json.endArray();
  return {200, "application/json", json.finish()};
}

net::HttpResponse ServerApi::clients() {
  JsonWriter json;
  json.beginArray("clients");
  for (const ServerClientInfo& client : server_.clients()) {
    json.beginObject();
    json.field("id", client.id);
    json.field("address", client.address);
    json.field("connectedForMs", static_cast<std::int64_t>(client.connectedFor.count()));
    json.field("sessions", client.sessions);
    if (!client.key.empty()) json.field("key", client.key);
    json.field("temporaryKey", client.temporaryKey);
    if (!client.token.empty()) json.field("token", client.token);
    json.endObject();
  }
  json.endArray();
  return {200, "application/json", json.finish()};
}

net::HttpResponse ServerApi::sessions(std::string_view query) {
  JsonWriter json;
  json.beginArray("sessions");
  for (const ServerSessionInfo& session : server_.sessions(limitOf(query))) {
    json.beginObject();
    json.field("id", session.id);
    json.field("from", session.fromClientId);
    json.field("to", session.toClientId);
    json.field("port", session.port);
    json.field("protocol", session.protocol);
    json.field("state", session.state);
    json.field("ageMs", static_cast<std::int64_t>(session.age.count()));
    json.endObject();
  }
  json.endArray();
  return {200, "application/json", json.finish()};
}

net::HttpResponse ServerApi::kick(const JsonObject& body, Language language) {
  body.onlyFields({"id"});
  const std::string id = body.requiredText("id", 64);
  if (!isClientId(id)) throw ApiError{400, "bad_request", say(language, kBadPeer, id)};
  if (!server_.kick(id)) throw ApiError{404, "not_found", say(language, kNoSuchClient, id)};
  JsonWriter json;
  json.field("kicked", id);
  return {200, "application/json", json.finish()};
}

}  // namespace chuantou::daemon
