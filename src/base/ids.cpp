#include "base/ids.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/hex.hpp"

namespace chuantou {

namespace {
constexpr std::size_t kMaxClientId = 64;

bool isIdChar(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}
}  // namespace

std::optional<ClientId> ClientId::parse(std::string_view text) {
  if (text.empty() || text.size() > kMaxClientId) return std::nullopt;
  for (const char c : text) {
    if (!isIdChar(c)) return std::nullopt;
  }
  return ClientId{std::string{text}};
}

ClientId ClientId::random(RandomSource& random) { return ClientId{fmt::format("c-{:016x}", random.next())}; }

std::optional<PublicKey> PublicKey::parse(std::string_view text) {
  constexpr std::string_view kPrefix = "ed25519:";
  if (text.substr(0, kPrefix.size()) == kPrefix) text.remove_prefix(kPrefix.size());
  PublicKey key;
  if (!fromHex(text, key.bytes)) return std::nullopt;
  return key;
}

std::string PublicKey::str() const { return "ed25519:" + toHex(bytes); }

DataKey DataKey::random(RandomSource& random) {
  DataKey key;
  random.fill(key.bytes);
  return key;
}

std::optional<DataKey> DataKey::parse(std::string_view hex) {
  DataKey key;
  if (!fromHex(hex, key.bytes)) return std::nullopt;
  return key;
}

std::string DataKey::hex() const { return toHex(bytes); }

StreamId StreamId::random(RandomSource& random) {
  StreamId id;
  random.fill(id.bytes);
  return id;
}

std::string StreamId::shortHex() const { return toHex(std::span{bytes}.first(4)); }

std::string toString(SessionId id) { return fmt::format("s-{:x}", static_cast<std::uint64_t>(id)); }

std::optional<SessionId> parseSessionId(std::string_view text) {
  if (text.size() < 3 || text.substr(0, 2) != "s-") return std::nullopt;
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, ec] = std::from_chars(text.data() + 2, end, value, 16);
  if (ec != std::errc{} || at != end) return std::nullopt;
  return SessionId{value};
}

}  // namespace chuantou
