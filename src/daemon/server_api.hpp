// cts's admin API: JSON over HTTP on the server's own port.
//
//   GET  /api/status     counters
//   GET  /api/clients
//   GET  /api/sessions   the first 1000, or ?limit=N
//   POST /api/kick       {"id":"A"}
#pragma once

#include "chuantou/server.hpp"
#include "daemon/api_guard.hpp"
#include "daemon/json_reader.hpp"

namespace chuantou::daemon {

class ServerApi {
 public:
  /// The server must outlive this.
  ServerApi(Server& server, ApiGuard guard) : server_(server), guard_(std::move(guard)) {}

  /// Threads: safe from any. Never throws.
  net::HttpResponse handle(const net::HttpRequest& request) noexcept;

 private:
  net::HttpResponse route(const net::HttpRequest& request, Language language);
  net::HttpResponse status();
  net::HttpResponse clients();
  net::HttpResponse sessions(std::string_view query);
  net::HttpResponse kick(const JsonObject& body, Language language);

  Server& server_;
  ApiGuard guard_;
};

}  // namespace chuantou::daemon
