#include "base/proxy_url.hpp"

#include <algorithm>
#include <charconv>

#include "base/ip_address.hpp"
#include "base/target_host.hpp"

namespace chuantou {

namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kSocksPort = 1080;
/// SOCKS has one byte for each length (RFC 1929, section 2).
constexpr std::size_t kMaxCredential = 255;

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// %XX as the byte that it stands for; nothing when it stands for none, or the text is longer than anybody takes.
std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '%') {
      unsigned value = 0;
      const char* const digits = text.data() + at + 1;
      if (text.size() - at < 3) return std::nullopt;
      const auto [end, ec] = std::from_chars(digits, digits + 2, value, 16);
      if (ec != std::errc{} || end != digits + 2) return std::nullopt;
      c = static_cast<char>(value);
      at += 2;
    }
    const auto u = static_cast<unsigned char>(c);
    if (u < ' ' || u == 0x7f) return std::nullopt;
    out += c;
  }
  if (out.size() > kMaxCredential) return std::nullopt;
  return out;
}

/// Whether an entry of no_proxy means this server.
bool spares(std::string_view entry, const HostPort& server) {
  if (entry == "*") return true;
  const std::string host = lower(server.host);
  const auto address = IpAddress::parse(host);
  if (const std::size_t slash = entry.find('/'); slash != std::string_view::npos) {
    const auto base = IpAddress::parse(entry.substr(0, slash));
    unsigned prefix = 0;
    const std::string_view digits = entry.substr(slash + 1);
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (!base || !address || ec != std::errc{} || end != digits.data() + digits.size() || prefix > base->bits()) return false;
    // Bits after the prefix may be set, as other programs allow it: they are compared as far as the prefix goes.
    if (base->isV6() != address->isV6()) return false;
    const auto bitsOf = [](const IpAddress& one) { return one.v6(); };
    for (unsigned bit = 0; bit < prefix; ++bit) {
      const auto mask = static_cast<std::uint8_t>(0x80 >> bit % 8);
      if ((bitsOf(*base)[bit / 8] & mask) != (bitsOf(*address)[bit / 8] & mask)) return false;
    }
    return true;
  }
  if (const auto alone = IpAddress::parse(entry)) return address == alone;
  const auto withPort = parseHostPort(entry, server.port);
  if (!withPort || withPort->port != server.port) return false;
  if (const auto alone = IpAddress::parse(withPort->host)) return address == alone;
  std::string name = lower(withPort->host);
  if (name.starts_with("*.")) name.erase(0, 1);
  const bool subdomainsOnly = name.starts_with('.');
  if (!subdomainsOnly && host == name) return true;
  const std::string suffix = subdomainsOnly ? name : "." + name;
  return host.size() > suffix.size() && host.ends_with(suffix);
}

}  // namespace

std::string ProxyUrl::str() const {
  return (kind == ProxyKind::http ? "http://" : "socks5://") + formatHostPort(at.host, at.port);
}

Result<ProxyUrl> parseProxyUrl(std::string_view text) {
  // The text may have a password: an error does not repeat it.
  const auto bad = [](const char* why) { return Error{Errc::invalid_argument, "the proxy", why}; };
  ProxyUrl out;
  std::string_view rest = text;
  if (const std::size_t scheme = rest.find("://"); scheme != std::string_view::npos) {
    const std::string name = lower(rest.substr(0, scheme));
    if (name == "https") return bad("TLS to a proxy is not spoken; give http:// or socks5://");
    if (name != "http" && name != "socks5" && name != "socks5h") return bad("it looks like http://host:3128 or socks5://host:1080");
    if (name != "http") out.kind = ProxyKind::socks5;
    rest.remove_prefix(scheme + 3);
  }
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    if (slash + 1 != rest.size()) return bad("it has no path");
    rest.remove_suffix(1);
  }
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = rest.substr(0, at);
    const std::size_t colon = credentials.find(':');
    const auto user = unescape(credentials.substr(0, colon));
    const auto password = unescape(colon == std::string_view::npos ? std::string_view{} : credentials.substr(colon + 1));
    if (!user || !password || user->empty()) return bad("the user and password cannot be read");
    // HTTP's Basic ends the user at the first colon (RFC 7617, section 2).
    if (out.kind == ProxyKind::http && user->find(':') != std::string::npos) return bad("a user has no colon");
    out.user = *user;
    out.password = Secret{*password};
    rest.remove_prefix(at + 1);
  }
  const auto at = parseHostPort(rest, out.kind == ProxyKind::http ? kHttpPort : kSocksPort);
  if (!at) return bad("it looks like http://host:3128 or socks5://host:1080");
  out.at = *at;
  return out;
}

Result<std::optional<ProxyUrl>> proxyOf(const ProxyEnvironment& environment, const ServerUrl& server) {
  const std::string& own = server.tls ? environment.https : environment.http;
  const std::string& named = own.empty() ? environment.all : own;
  if (named.empty() || isThisMachine(server.at.host)) return std::optional<ProxyUrl>{};
  std::string_view rest = environment.none;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(", \t"), rest.size());
    if (end > 0 && spares(rest.substr(0, end), server.at)) return std::optional<ProxyUrl>{};
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  auto proxy = parseProxyUrl(named);
  if (!proxy) return proxy.error();
  return std::optional{std::move(*proxy)};
}

}  // namespace chuantou
