#include "nat/upnp_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/endpoint_text.hpp"

namespace chuantou::nat {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool sameWord(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// The status of "HTTP/1.x NNN …"; 0 for anything else.
int statusOf(std::string_view head) {
  if (head.size() < 12 || head.substr(0, 7) != "HTTP/1." || head[8] != ' ') return 0;
  int status = 0;
  const auto [end, ec] = std::from_chars(head.data() + 9, head.data() + 12, status);
  return ec == std::errc{} && end == head.data() + 12 && status >= 100 ? status : 0;
}

/// A header's value; of several the first. `head` begins with the status line.
std::optional<std::string_view> headerOf(std::string_view head, std::string_view name) {
  for (auto at = head.find(kLineEnd); at != std::string_view::npos; at = head.find(kLineEnd, at)) {
    at += kLineEnd.size();
    const std::string_view line = head.substr(at, head.find(kLineEnd, at) - at);
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && sameWord(line.substr(0, colon), name))
      return trimmed(line.substr(colon + 1));
  }
  return std::nullopt;
}

std::optional<std::size_t> number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (ec != std::errc{} || end != text.data() + text.size() || value > kMaxHttpReply) return std::nullopt;
  return value;
}

/// The chunks' contents; nothing while the last one has not come, or where they make no sense.
std::optional<std::string> joinChunks(std::string_view bytes) {
  std::string out;
  for (;;) {
    const auto lineEnd = bytes.find(kLineEnd);
    if (lineEnd == std::string_view::npos) return std::nullopt;
    const std::string_view line = bytes.substr(0, lineEnd);
    const auto size = number(trimmed(line.substr(0, line.find(';'))), 16);
    if (!size) return std::nullopt;
    if (*size == 0) return out;
    bytes.remove_prefix(lineEnd + kLineEnd.size());
    if (bytes.size() < *size + kLineEnd.size()) return std::nullopt;
    out += bytes.substr(0, *size);
    if (bytes.substr(*size, kLineEnd.size()) != kLineEnd) return std::nullopt;
    bytes.remove_prefix(*size + kLineEnd.size());
  }
}

std::string authority(const HttpUrl& url) { return formatHostPort(url.host.str(), url.port); }

}  // namespace

std::string ssdpSearch(std::string_view target) {
  return fmt::format("M-SEARCH * HTTP/1.1\r\nHOST: {}:{}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: {}\r\n\r\n",
                     kSsdpGroup, kSsdpPort, target);
}

std::optional<std::string> parseSsdpReply(std::string_view datagram) {
  const std::string_view head = datagram.substr(0, datagram.find(kHeadEnd));
  if (statusOf(head) != 200) return std::nullopt;
  const auto location = headerOf(head, "location");
  if (!location || location->empty()) return std::nullopt;
  return std::string{*location};
}

std::optional<HttpUrl> HttpUrl::parse(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (text.size() <= kScheme.size() || !sameWord(text.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  const auto slash = text.find('/');
  const auto at = parseHostPort(text.substr(0, slash), 80);
  const auto host = at ? IpAddress::parse(at->host) : std::nullopt;
  if (!host) return std::nullopt;
  HttpUrl out{*host, at->port, slash == std::string_view::npos ? "/" : std::string{text.substr(slash)}};
  // It becomes a part of a request's first line.
  const bool plain = std::all_of(out.path.begin(), out.path.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!plain) return std::nullopt;
  return out;
}

std::string httpGet(const HttpUrl& url) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", url.path, authority(url));
}

std::string soapCall(const HttpUrl& url, std::string_view service, std::string_view action,
                     std::initializer_list<std::pair<const char*, std::string>> arguments) {
  std::string inner;
  for (const auto& [name, value] : arguments) inner += fmt::format("<{0}>{1}</{0}>", name, value);
  const std::string body = fmt::format(
      "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
      "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:{0} "
      "xmlns:u=\"{1}\">{2}</u:{0}></s:Body>"
      "</s:Envelope>\r\n",
      action, service, inner);
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: text/xml; charset=\"utf-8\"\r\nSOAPAction: \"{}#{}\"\r\n"
      "Connection: close\r\nContent-Length: {}\r\n\r\n{}",
      url.path, authority(url), service, action, body.size(), body);
}

std::optional<HttpReply> parseHttpReply(std::string_view bytes, bool ended) {
  std::string_view head;
  int status = 0;
  do {  // "100 Continue" may stand before the answer
    const auto headEnd = bytes.find(kHeadEnd);
    if (headEnd == std::string_view::npos) return std::nullopt;
    head = bytes.substr(0, headEnd);
    bytes.remove_prefix(headEnd + kHeadEnd.size());
    status = statusOf(head);
    if (status == 0) return std::nullopt;
  } while (status < 200);
  const auto coding = headerOf(head, "transfer-encoding");
  if (coding && sameWord(*coding, "chunked")) {
    auto joined = joinChunks(bytes);
    if (!joined) return std::nullopt;
    return HttpReply{status, *std::move(joined)};
  }
  if (const auto length = headerOf(head, "content-length")) {
    const auto size = number(*length, 10);
    if (!size || bytes.size() < *size) return std::nullopt;
    return HttpReply{status, std::string{bytes.substr(0, *size)}};
  }
  if (!ended) return std::nullopt;
  return HttpReply{status, std::string{bytes}};
}

}  // namespace chuantou::nat
