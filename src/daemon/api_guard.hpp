// Who may call the admin API.
#pragma once

#include <string>

#include "daemon/api_error.hpp"

namespace chuantou::daemon {

class ApiGuard {
 public:
  /// `localOnly`: the API of a program on the user's own machine, where a page in the user's browser is an attacker.
  ApiGuard(std::string token, bool localOnly) : token_(std::move(token)), localOnly_(localOnly) {}

  /// Throws ApiError: 403 for a foreign Host (DNS rebinding) or Origin.
  void checkSite(const net::HttpRequest& request, Language language) const;
  /// The same, and 401 without the token.
  void check(const net::HttpRequest& request, Language language) const;

 private:
  std::string token_;
  bool localOnly_;
};

/// "localhost", "127.0.0.1" or "[::1]", with or without a port.
bool isLocalAuthority(std::string_view authority);

}  // namespace chuantou::daemon
