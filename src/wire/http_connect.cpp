#include "wire/http_connect.hpp"

#include <fmt/format.h>

#include "base/base64.hpp"

namespace chuantou::wire {

namespace {
constexpr std::size_t kKeptOfALine = 256;

bool isDigit(char c) { return c >= '0' && c <= '9'; }
}  // namespace

HttpConnect::HttpConnect(const ProxyUrl& proxy, const HostPort& target) : authenticated_(!proxy.user.empty()) {
  const std::string authority = formatHostPort(target.host, target.port);
  send(fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", authority));
  if (authenticated_) send(fmt::format("Proxy-Authorization: Basic {}\r\n", toBase64(proxy.user + ":" + proxy.password.reveal())));
  send("\r\n");
}

void HttpConnect::take(std::uint8_t byte) {
  if (++size_ > kMaxHead) return fail("its answer does not end");
  if (byte == '\n') return endLine();
  if (line_.size() < kKeptOfALine) line_ += static_cast<char>(byte);
}

void HttpConnect::endLine() {
  if (line_.ends_with('\r')) line_.pop_back();
  const std::string line = std::exchange(line_, {});
  if (std::exchange(first_, false)) {
    // HTTP/1.1 200 Connection established
    const bool good = line.size() >= 12 && line.starts_with("HTTP/1.") && isDigit(line[7]) && line[8] == ' ' && isDigit(line[9]) &&
                      isDigit(line[10]) && isDigit(line[11]) && (line.size() == 12 || line[12] == ' ');
    if (!good) return fail("it does not speak HTTP");
    status_ = static_cast<unsigned>((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
    reason_ = line.size() > 13 ? line.substr(13, kMaxWords) : std::string{};
    for (char& c : reason_) {
      if (c < ' ' || c > '~') c = '?';
    }
    return;
  }
  if (!line.empty()) return;  // a header: none of them matters
  if (status_ / 100 == 1) {   // an interim answer; the final one follows (RFC 9110, section 15.2)
    first_ = true;
    return;
  }
  if (status_ / 100 == 2) return open();
  if (status_ == 407) {
    return fail(authenticated_ ? "it refuses the user and password" : "it wants a user and password (http://USER:PASSWORD@HOST:PORT)");
  }
  fail(fmt::format("it answers {} {}", status_, reason_));
}

}  // namespace chuantou::wire
