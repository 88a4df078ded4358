// A small HTTP/1.1 server on a port of its own: the client's local admin API.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "net/http.hpp"

namespace chuantou::net {

/// Own thread; one request a connection (`Connection: close`); at most 64 connections; 10 s for a request to arrive.
class HttpServer {
 public:
  /// Listens at once. Throws Error: port_in_use, address_unavailable, permission_denied.
  HttpServer(const std::string& host, std::uint16_t port, HttpHandler handler);
  ~HttpServer();  ///< closes and joins
  std::uint16_t port() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One blocking request to a server on this machine. Throws Error: not_running (nobody listens), timed_out, protocol_error.
HttpResponse httpCall(const std::string& host, std::uint16_t port, const HttpRequest& request,
                      std::chrono::milliseconds deadline);

}  // namespace chuantou::net
