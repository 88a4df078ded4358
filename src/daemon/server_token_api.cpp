// The part of cts's admin API that is about tokens and names.
#include "daemon/api_error.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/phrases.hpp"
#include "daemon/proxy_text.hpp"
#include "daemon/server_api.hpp"

namespace chuantou::daemon {

namespace {

constexpr std::uint64_t kMaxExpiryMs = std::uint64_t{100} * 365 * 24 * 3600 * 1000;
constexpr std::uint64_t kMaxUses = 1000;

}  // namespace

net::HttpResponse ServerApi::joinAnswer(std::string_view name, std::string_view secret) {
  JsonWriter json;
  json.field("name", name);
  json.field("join", join_ ? join_(secret) : std::string{});
  return {200, "application/json", json.finish()};
}

net::HttpResponse ServerApi::token(Language language) {
  for (const TokenInfo& token : server_.tokens()) {
    if (token.name == "main" && token.state == "revoked") throw ApiError{404, "not_found", say(language, kMainRevoked)};
  }
  return joinAnswer("main", server_.madeToken());
}

net::HttpResponse ServerApi::tokens() {
  JsonWriter json;
  json.beginArray("tokens");
  for (const TokenInfo& token : server_.tokens()) {
    json.beginObject();
    json.field("name", token.name);
    json.field("group", token.group);
    json.field("state", token.state);
    json.field("createdAt", token.createdMs);
    if (token.expiresAtMs != 0) json.field("expiresAt", token.expiresAtMs);
    if (token.limited) json.field("usesLeft", token.usesLeft);
    json.field("allowExpose", token.allowExpose);
    json.field("configured", token.configured);
    json.field("clients", token.clients);
    json.endObject();
  }
  json.endArray();
  return {200, "application/json", json.finish()};
}

net::HttpResponse ServerApi::addToken(const JsonObject& body) {
  body.onlyFields({"name", "group", "expiresInMs", "uses", "allowExpose"});
  TokenOptions options;
  options.name = body.requiredText("name", 64);
  if (auto group = body.text("group", 64)) options.group = *group;
  options.expiresIn = std::chrono::milliseconds{body.number("expiresInMs", 1, kMaxExpiryMs).value_or(0)};
  options.uses = static_cast<unsigned>(body.number("uses", 1, kMaxUses).value_or(0));
  options.allowExpose = body.flag("allowExpose").value_or(false);
  return joinAnswer(options.name, server_.addToken(options));
}

net::HttpResponse ServerApi::rotateToken(const JsonObject& body) {
  body.onlyFields({"disconnect"});
  return joinAnswer("main", server_.rotateToken(body.flag("disconnect").value_or(false)));
}

net::HttpResponse ServerApi::revokeToken(const JsonObject& body, Language language) {
  body.onlyFields({"name"});
  const std::string name = body.requiredText("name", 64);
  if (!server_.revokeToken(name)) throw ApiError{404, "not_found", say(language, kNoSuchToken, name)};
  JsonWriter json;
  json.field("revoked", name);
  return {200, "application/json", json.finish()};
}

net::HttpResponse ServerApi::release(const JsonObject& body, Language language) {
  body.onlyFields({"id"});
  const std::string id = body.requiredText("id", 64);
  if (!isClientId(id)) throw ApiError{400, "bad_request", say(language, kBadPeer, id)};
  if (!server_.releaseName(id)) throw ApiError{404, "not_found", say(language, kNobodysName, id)};
  JsonWriter json;
  json.field("released", id);
  return {200, "application/json", json.finish()};
}

}  // namespace chuantou::daemon
