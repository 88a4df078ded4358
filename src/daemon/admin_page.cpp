#include "daemon/admin_page.hpp"

#include <string>

namespace chuantou::daemon {

namespace {

// Made by the build (CMakeLists.txt): constants, which take no memory until somebody asks for them.
constexpr unsigned char kIndex[] = {
#include "daemon/page/index.html.inc"
};
constexpr unsigned char kStyle[] = {
#include "daemon/page/page.css.inc"
};
constexpr unsigned char kScript[] = {
#include "daemon/page/page.js.inc"
};

struct File {
  std::string_view path;
  const char* contentType;
  const unsigned char* bytes;
  std::size_t size;
};

constexpr File kFiles[] = {{"/", "text/html; charset=utf-8", kIndex, sizeof kIndex},
                           {"/page.css", "text/css; charset=utf-8", kStyle, sizeof kStyle},
                           {"/page.js", "text/javascript; charset=utf-8", kScript, sizeof kScript}};

}  // namespace

std::optional<net::HttpResponse> adminPageFile(std::string_view path) {
  for (const File& file : kFiles) {
    if (file.path == path) return net::HttpResponse{200, file.contentType, std::string(file.bytes, file.bytes + file.size)};
  }
  return std::nullopt;
}

const std::vector<std::pair<std::string_view, std::string_view>>& adminPageHeaders() {
  static const std::vector<std::pair<std::string_view, std::string_view>> headers{
      {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
                                  "form-action 'none'; frame-ancestors 'none'"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"X-Frame-Options", "DENY"}};
  return headers;
}

}  // namespace chuantou::daemon
