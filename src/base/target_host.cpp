#include "base/target_host.hpp"

#include <algorithm>

namespace chuantou {

namespace {

const IpAddress kLoopback4{IpAddress::V4{127, 0, 0, 1}};
const IpAddress kLoopback6{IpAddress::V6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

constexpr std::size_t kMaxName = 253;  // RFC 1035, section 2.3.4, without the root's dot
constexpr std::size_t kMaxLabel = 63;

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isHexDigit(char c) { return isDigit(c) || (c >= 'a' && c <= 'f'); }

/// Decimal or octal, or hexadecimal after 0x, as inet_aton() reads a part of an address.
bool isNumber(std::string_view label) {
  if (label.size() >= 2 && label[0] == '0' && label[1] == 'x') {
    return std::all_of(label.begin() + 2, label.end(), isHexDigit);
  }
  return std::all_of(label.begin(), label.end(), isDigit);
}

/// In lower case already.
bool isName(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  for (;;) {
    const std::size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-') return false;
    for (const char c : label) {
      if (!isDigit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_') return false;
    }
    if (dot == std::string_view::npos) return !isNumber(label);
    name = name.substr(dot + 1);
  }
}

}  // namespace

Result<TargetHost> parseTargetHost(std::string_view text) {
  if (text.empty()) return TargetHost{TargetHost::Kind::loopback, kLoopback4, {}};
  if (const auto address = IpAddress::parse(text)) {
    const bool loopback = *address == kLoopback4 || *address == kLoopback6;
    return TargetHost{loopback ? TargetHost::Kind::loopback : TargetHost::Kind::address, *address, {}};
  }
  std::string name{text};
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (name.back() == '.') name.pop_back();
  if (name == "localhost") return TargetHost{TargetHost::Kind::loopback, kLoopback4, {}};  // RFC 6761, section 6.3
  if (!isName(name)) {
    return Error{Errc::invalid_argument, std::string{text},
                 "a host is a name of ASCII letters and digits, or an address such as 192.168.1.5 or [2001:db8::5]"};
  }
  return TargetHost{TargetHost::Kind::name, {}, std::move(name)};
}

bool isThisMachine(std::string_view host) {
  const auto parsed = parseTargetHost(host);
  if (!parsed || host.empty()) return false;
  const TargetHost& meant = parsed.value();
  return meant.kind != TargetHost::Kind::name && kindOf(meant.address) == AddressKind::loopback;
}

}  // namespace chuantou
