#include "base/endpoint_text.hpp"

#include <fmt/format.h>

#include <charconv>

namespace chuantou {

std::optional<std::uint16_t> parsePort(std::string_view text, bool zero) {
  unsigned value = 0;
  if (text.empty() || text.size() > 5) return std::nullopt;
  const auto [at, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || at != text.data() + text.size() || value > 65535 || (value == 0 && !zero)) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

namespace {
bool isHost(std::string_view host) {
  if (host.empty() || host.size() > 255) return false;
  for (const char c : host) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= ' ' || u == 0x7f || c == '/' || c == '@' || c == '[' || c == ']' || c == '?' || c == '#') return false;
  }
  return true;
}
}  // namespace

std::optional<HostPort> parseHostPort(std::string_view text, std::uint16_t defaultPort) {
  std::string_view host = text;
  std::string_view port;
  bool hasPort = false;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = text.substr(1, close - 1);
    if (close + 1 < text.size()) {
      if (text[close + 1] != ':') return std::nullopt;
      port = text.substr(close + 2);
      hasPort = true;
    }
  } else if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    if (text.find(':') != colon) return std::nullopt;  // an IPv6 address wants brackets
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    hasPort = true;
  }
  if (!isHost(host)) return std::nullopt;
  if (!hasPort) {
    if (defaultPort == 0) return std::nullopt;
    return HostPort{std::string{host}, defaultPort};
  }
  const auto number = parsePort(port);
  if (!number) return std::nullopt;
  return HostPort{std::string{host}, *number};
}

std::string formatHostPort(std::string_view host, std::uint16_t port) {
  if (host.find(':') != std::string_view::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

std::string ServerUrl::str() const {
  return (tls ? "wss://" : "ws://") + formatHostPort(at.host, at.port) + (path == "/" ? "" : path);
}

Result<ServerUrl> parseServerUrl(std::string_view text) {
  std::string_view rest = text;
  ServerUrl url;
  if (const std::size_t scheme = rest.find("://"); scheme != std::string_view::npos) {
    const std::string_view name = rest.substr(0, scheme);
    url.tls = name == "wss";
    if (!url.tls && name != "ws") {
      return Error{Errc::invalid_argument, std::string{text}, "a server URL looks like ws://host:8200 or wss://host:8200"};
    }
    rest.remove_prefix(scheme + 3);
  }
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    url.path = std::string{rest.substr(slash)};
    rest = rest.substr(0, slash);
  }
  for (const char c : url.path) {
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f) {
      return Error{Errc::invalid_argument, std::string{text}, "the path has a character that a URL cannot have"};
    }
  }
  const auto at = parseHostPort(rest, kDefaultServerPort);
  if (!at) return Error{Errc::invalid_argument, std::string{text}, "a server URL looks like ws://host:8200"};
  url.at = *at;
  return url;
}

}  // namespace chuantou
