// cts's admin API: JSON over HTTP on the server's own port.
//
//   GET  /api/status     counters
//   GET  /api/clients
//   GET  /api/sessions   the first 1000, or ?limit=N
//   POST /api/kick       {"id":"A"}
//   GET  /api/token      the line that joins a client: {"name":"main","join":"ctc run …"}
//   GET  /api/tokens     without their secrets
//   POST /api/tokens     {"name":"guest"} and maybe "group", "expiresInMs", "uses", "allowExpose"; answers as
//   /api/token does POST /api/tokens/rotate   {} or {"disconnect":true}; answers as /api/token does POST
//   /api/tokens/revoke   {"name":"guest"} POST /api/release    {"id":"A"}
#pragma once

#include <functional>

#include "chuantou/server.hpp"
#include "daemon/api_guard.hpp"
#include "daemon/json_reader.hpp"

namespace chuantou::daemon {

class ServerApi {
 public:
  /// The line that joins a client by a secret; by the operator's own token where that is empty.
  using JoinLine = std::function<std::string(std::string_view secret)>;

  /// The server must outlive this.
  ServerApi(Server& server, ApiGuard guard, JoinLine join = {})
      : server_(server), guard_(std::move(guard)), join_(std::move(join)) {}

  /// Threads: safe from any. Never throws.
  net::HttpResponse handle(const net::HttpRequest& request) noexcept;

 private:
  net::HttpResponse route(const net::HttpRequest& request, Language language);
  net::HttpResponse status();
  net::HttpResponse clients();
  net::HttpResponse sessions(std::string_view query);
  net::HttpResponse change(const std::string& path, const JsonObject& body, Language language);
  net::HttpResponse kick(const JsonObject& body, Language language);

  // server_token_api.cpp
  net::HttpResponse joinAnswer(std::string_view name, std::string_view secret);
  net::HttpResponse token(Language language);
  net::HttpResponse tokens();
  net::HttpResponse addToken(const JsonObject& body);
  net::HttpResponse rotateToken(const JsonObject& body);
  net::HttpResponse revokeToken(const JsonObject& body, Language language);
  net::HttpResponse release(const JsonObject& body, Language language);

  Server& server_;
  ApiGuard guard_;
  JoinLine join_;
};

}  // namespace chuantou::daemon
