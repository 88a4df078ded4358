// HTTP requests and responses as values: what the admin API's handlers take and give.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chuantou::net {

struct HttpRequest {
  std::string method;  ///< "GET", "POST", "DELETE", …
  std::string path;    ///< without the query, percent-decoded
  std::string query;   ///< after the question mark, raw
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;    ///< at most kMaxHttpBody bytes

  std::string_view header(const std::string& name) const {
    const auto it = headers.find(name);
    return it == headers.end() ? std::string_view{} : std::string_view{it->second};
  }
};

struct HttpResponse {
  int status = 200;
  std::string contentType = "application/json";
  std::string body;
  std::vector<std::pair<std::string_view, std::string_view>> headers = {};  ///< further ones; constants of the program
};

/// Runs on a thread of its own (it may block for seconds), never on an I/O thread. Must not throw.
using HttpHandler = std::function<HttpResponse(const HttpRequest& request)>;

inline constexpr std::size_t kMaxHttpBody = 256 * 1024;

}  // namespace chuantou::net
