#include "daemon/proxy_text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "daemon/failure.hpp"
#include "daemon/phrases.hpp"

namespace chuantou::daemon {

namespace {

bool isWordOf(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == '-';
  });
}

bool isDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool isHost(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > ' ' && c != 0x7f && c != '/' && c != '@' && c != '[' && c != ']';
  });
}

std::optional<std::uint16_t> portOf(std::string_view text, bool zero) {
  unsigned value = 0;
  if (!isDigits(text) || text.size() > 5) return std::nullopt;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value > 65535 || (value == 0 && !zero)) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

/// At colons outside brackets; brackets are taken off.
std::vector<std::string_view> splitAtColons(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    std::size_t end = 0;
    if (text.starts_with('[')) {
      end = text.find(']');
      end = end == std::string_view::npos ? text.size() : end + 1;
    }
    end = text.find(':', end);
    std::string_view part = text.substr(0, end);
    if (part.size() >= 2 && part.front() == '[' && part.back() == ']') part = part.substr(1, part.size() - 2);
    parts.push_back(part);
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

ProxyOptions parseLocalFlag(std::string_view text, Language language) {
  const auto bad = [&](const std::string& why) { return Failure{say(language, kBadLocal, text, why), kExitUsage}; };
  ProxyOptions options;
  std::string_view rest = text;
  if (const std::size_t slash = rest.rfind('/'); slash != std::string_view::npos) {
    const std::string_view protocol = rest.substr(slash + 1);
    if (!parseProtocol(protocol, options.protocol)) throw bad(say(language, kBadProtocol, protocol));
    rest = rest.substr(0, slash);
  }
  std::vector<std::string_view> parts = splitAtColons(rest);
  if (!parts.empty() && !isDigits(parts[0])) {  // an address to listen on comes first
    if (!isHost(parts[0])) throw bad(say(language, kBadLocalPort, parts[0]));
    if (parts.size() < 4) throw bad(say(language, parts.size() == 3 ? kBadLocalPort : kTooFewParts, parts[0]));
    options.localHost = parts[0];
    parts.erase(parts.begin());
  }
  if (parts.size() < 3) throw bad(say(language, kTooFewParts));
  if (parts.size() > 4) throw bad(say(language, kTooManyParts));
  const auto localPort = portOf(parts[0], true);
  if (!localPort) throw bad(say(language, kBadLocalPort, parts[0]));
  if (!isClientId(parts[1])) throw bad(say(language, kBadPeer, parts[1]));
  if (parts.size() == 4 && !isHost(parts[2])) throw bad(say(language, kBadHost, parts[2]));
  const auto targetPort = portOf(parts.back(), false);
  if (!targetPort) throw bad(say(language, kBadPort, parts.back()));
  options.localPort = *localPort;
  options.targetClientId = parts[1];
  if (parts.size() == 4) options.targetHost = parts[2];
  options.targetPort = *targetPort;
  return options;
}

std::string hostPort(std::string_view host, std::uint16_t port) {
  return host.find(':') == std::string_view::npos ? fmt::format("{}:{}", host, port)
                                                  : fmt::format("[{}]:{}", host, port);
}

std::string proxyLocal(const ProxyOptions& options) {
  return hostPort(options.localHost.empty() ? "127.0.0.1" : options.localHost, options.localPort);
}

std::string proxyTarget(const ProxyOptions& options) {
  if (options.targetHost.empty()) return fmt::format("{}:{}", options.targetClientId, options.targetPort);
  return fmt::format("{}:{}", options.targetClientId, hostPort(options.targetHost, options.targetPort));
}

std::string proxyLine(const ProxyOptions& options) {
  return fmt::format("proxy {} -> {}", proxyLocal(options), proxyTarget(options));
}

std::string_view protocolName(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return "tcp";
    case Protocol::udp:
      return "udp";
    default:
      return "both";
  }
}

bool parseProtocol(std::string_view text, Protocol& out) {
  for (const Protocol protocol : {Protocol::both, Protocol::tcp, Protocol::udp}) {
    if (protocolName(protocol) != text) continue;
    out = protocol;
    return true;
  }
  return false;
}

std::string_view encryptionName(Encryption encryption) {
  return encryption == Encryption::none ? "none" : "end-to-end";
}

bool parseEncryption(std::string_view text, Encryption& out) {
  for (const Encryption encryption : {Encryption::end_to_end, Encryption::none}) {
    if (encryptionName(encryption) != text) continue;
    out = encryption;
    return true;
  }
  return false;
}

bool isProxyName(std::string_view text) { return isWordOf(text) && !isDigits(text); }
bool isClientId(std::string_view text) { return isWordOf(text); }

}  // namespace chuantou::daemon
