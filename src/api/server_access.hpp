// Lets the programs answer plain HTTP requests on the server's port (the admin API).
#pragma once

#include "chuantou/server.hpp"
#include "net/http.hpp"

namespace chuantou::detail {

struct ServerAccess {
  /// Before start(). Without a handler plain HTTP requests get 404.
  static void setHttpHandler(Server& server, net::HttpHandler handler);
};

}  // namespace chuantou::detail
