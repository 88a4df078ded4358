#include "wire/socks5.hpp"

#include <fmt/format.h>

#include "base/ip_address.hpp"

namespace chuantou::wire {

namespace {

constexpr char kVersion = 5;
constexpr char kPasswordVersion = 1;  // RFC 1929
constexpr unsigned kNoMethod = 0xff;
constexpr std::size_t kMaxText = 255;

enum : unsigned { kNoAuthentication = 0, kPassword = 2 };
enum : unsigned { kV4 = 1, kName = 3, kV6 = 4 };

std::string withLength(std::string_view text) {
  std::string out(1, static_cast<char>(text.size()));
  out += text;
  return out;
}

template <class Bytes>
std::string asText(const Bytes& bytes) {
  return {bytes.begin(), bytes.end()};
}

/// RFC 1928, section 6.
const char* meaningOf(unsigned reply) {
  constexpr const char* kMeanings[] = {nullptr, "general failure", "not allowed by its rules", "network unreachable", "host unreachable",
                                       "connection refused", "time to live expired", "command not supported", "kind of address not supported"};
  return reply < std::size(kMeanings) ? kMeanings[reply] : nullptr;
}

}  // namespace

Socks5::Socks5(const ProxyUrl& proxy, const HostPort& target) : user_(proxy.user), password_(proxy.password), target_(target) {
  if (target_.host.size() > kMaxText || user_.size() > kMaxText || password_.reveal().size() > kMaxText) {
    fail("a name, user or password is too long for SOCKS");
  } else if (user_.empty()) {
    send(std::string{kVersion, 1, kNoAuthentication});
  } else {
    send(std::string{kVersion, 2, kNoAuthentication, kPassword});
  }
}

void Socks5::take(std::uint8_t byte) {
  message_ += static_cast<char>(byte);
  switch (step_) {
    case Step::method:
      return takeMethod();
    case Step::password:
      return takePassword();
    case Step::reply:
      return takeReply();
  }
}

void Socks5::takeMethod() {
  if (message_[0] != kVersion) return fail("it does not speak SOCKS5");
  if (message_.size() < 2) return;
  const auto method = static_cast<std::uint8_t>(message_[1]);
  message_.clear();
  if (method == kNoAuthentication) return sendRequest();
  if (method == kPassword && !user_.empty()) {
    step_ = Step::password;
    return send(std::string{kPasswordVersion} + withLength(user_) + withLength(password_.reveal()));
  }
  if (method != kNoMethod) return fail("it chose a method that was not offered");
  fail(user_.empty() ? "it wants a user and password (socks5://USER:PASSWORD@HOST:PORT)" : "it takes neither a password nor nothing");
}

void Socks5::takePassword() {
  if (message_.size() < 2) return;
  // Some proxies answer with SOCKS's own version instead of 1.
  const bool good = message_[1] == 0;
  message_.clear();
  if (!good) return fail("it refuses the user and password");
  sendRequest();
}

void Socks5::sendRequest() {
  step_ = Step::reply;
  std::string request{kVersion, 1, 0};
  if (const auto address = IpAddress::parse(target_.host)) {
    request += static_cast<char>(address->isV6() ? kV6 : kV4);
    request += address->isV6() ? asText(address->v6()) : asText(address->v4());
  } else {
    request += static_cast<char>(kName);
    request += withLength(target_.host);
  }
  request += static_cast<char>(target_.port >> 8);
  request += static_cast<char>(target_.port & 0xff);
  send(request);
}

void Socks5::takeReply() {
  if (message_[0] != kVersion) return fail("it does not speak SOCKS5");
  if (message_.size() < 2) return;
  if (const auto reply = static_cast<std::uint8_t>(message_[1]); reply != 0) {
    const char* meaning = meaningOf(reply);
    return fail(meaning ? fmt::format("it answers: {}", meaning) : fmt::format("it answers {}", reply));
  }
  if (message_.size() < 5) return;
  // The address that the proxy calls from, which nobody needs; its length must be known to find the end.
  std::size_t address = 0;
  switch (static_cast<std::uint8_t>(message_[3])) {
    case kV4:
      address = 4;
      break;
    case kName:
      address = 1 + static_cast<std::size_t>(static_cast<std::uint8_t>(message_[4]));
      break;
    case kV6:
      address = 16;
      break;
    default:
      return fail("it answers with an unknown kind of address");
  }
  if (message_.size() == 4 + address + 2) open();
}

}  // namespace chuantou::wire
