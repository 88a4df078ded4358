#include "daemon/api_guard.hpp"

#include <algorithm>
#include <cctype>

#include "daemon/phrases.hpp"
#include "daemon/random_token.hpp"

namespace chuantou::daemon {

namespace {

bool equalIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view bearerToken(std::string_view header) {
  constexpr std::string_view kScheme = "Bearer ";
  if (header.size() <= kScheme.size() || !equalIgnoringCase(header.substr(0, kScheme.size()), kScheme)) return {};
  return header.substr(kScheme.size());
}

bool isLocalOrigin(std::string_view origin) {
  constexpr std::string_view kScheme = "http://";
  return origin.starts_with(kScheme) && isLocalAuthority(origin.substr(kScheme.size()));
}

}  // namespace

bool isLocalAuthority(std::string_view authority) {
  const std::size_t hostEnd = authority.starts_with('[') ? authority.find(']') : std::string_view::npos;
  const std::size_t colon = authority.find(':', hostEnd == std::string_view::npos ? 0 : hostEnd);
  if (colon != std::string_view::npos) {
    const std::string_view port = authority.substr(colon + 1);
    if (port.empty() || port.size() > 5 ||
        !std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      return false;
    }
  }
  const std::string_view host = authority.substr(0, colon);
  return equalIgnoringCase(host, "localhost") || host == "127.0.0.1" || host == "[::1]";
}

void ApiGuard::checkSite(const net::HttpRequest& request, Language language) const {
  if (!localOnly_) return;
  if (!isLocalAuthority(request.header("host"))) throw ApiError{403, "forbidden_host", say(language, kForbiddenHost)};
  const std::string_view origin = request.header("origin");
  if (!origin.empty() && !isLocalOrigin(origin)) throw ApiError{403, "forbidden_origin", say(language, kForbiddenOrigin)};
}

void ApiGuard::check(const net::HttpRequest& request, Language language) const {
  checkSite(request, language);
  if (!tokensEqual(bearerToken(request.header("authorization")), token_)) {
    throw ApiError{401, "unauthorized", say(language, kUnauthorized)};
  }
}

}  // namespace chuantou::daemon
