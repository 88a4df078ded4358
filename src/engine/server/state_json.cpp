#include "engine/server/state_json.hpp"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <unordered_map>

#include "chuantou/error.hpp"

namespace chuantou::engine {

namespace {

using Json = rapidjson::Value;
using Buffer = rapidjson::StringBuffer;
using Writer = rapidjson::Writer<Buffer>;

// Iterative: a file of "[[[[…" must not lead the parser out of its stack.
constexpr unsigned kParse = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

[[noreturn]] void bad(const std::string& path, std::size_t line, const std::string& what) {
  throw Error{Errc::bad_config, fmt::format("{}:{}", path, line), what};
}

void text(Writer& json, const char* name, std::string_view value) {
  json.Key(name);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

/// Reads an object's members; the first wrong one is remembered.
class Members {
 public:
  explicit Members(const Json& object) : object_(object) {}

  std::string text(const char* name, bool required = true) {
    const Json* value = find(name, required);
    if (!value) return {};
    if (value->IsString()) return {value->GetString(), value->GetStringLength()};
    return fail(name), std::string{};
  }
  ClientId id(const char* name) {
    const auto parsed = ClientId::parse(text(name));
    if (!parsed) fail(name);
    return parsed.value_or(ClientId{});
  }
  PublicKey key(const char* name) {
    const auto parsed = PublicKey::parse(text(name));
    if (!parsed) fail(name);
    return parsed.value_or(PublicKey{});
  }
  std::int64_t milliseconds(const char* name) {
    const Json* value = find(name, true);
    if (value && value->IsInt64() && value->GetInt64() >= 0) return value->GetInt64();
    return fail(name), 0;
  }
  bool flag(const char* name) {
    const Json* value = find(name, false);
    if (value && !value->IsBool()) fail(name);
    return value && value->IsTrue();
  }
  const Json* find(const char* name, bool required) {
    const auto it = object_.FindMember(name);
    if (it != object_.MemberEnd()) return &it->value;
    if (required) fail(name);
    return nullptr;
  }
  void fail(const char* name) {
    if (wrong_.empty()) wrong_ = fmt::format("\"{}\" is missing or wrong", name);
  }
  const std::string& wrong() const { return wrong_; }

 private:
  const Json& object_;
  std::string wrong_;
};

relay::Token readToken(Members& m) {
  relay::Token token;
  token.name = m.id("name").str();
  token.secret = Secret{m.text("secret")};
  if (token.secret.empty()) m.fail("secret");
  token.group = m.id("group").str();
  if (m.find("expiresAt", false)) token.expiresAtMs = m.milliseconds("expiresAt");
  if (const Json* uses = m.find("usesLeft", false)) {
    if (!uses->IsUint()) m.fail("usesLeft");
    token.usesLeft = uses->IsUint() ? uses->GetUint() : 0;
  }
  if (const Json* keys = m.find("usedBy", false)) {
    if (!keys->IsArray()) return m.fail("usedBy"), token;
    for (const Json& one : keys->GetArray()) {
      const auto key = one.IsString() ? PublicKey::parse({one.GetString(), one.GetStringLength()}) : std::nullopt;
      if (!key) return m.fail("usedBy"), token;
      token.usedBy.insert(*key);
    }
  }
  token.allowExpose = m.flag("allowExpose");
  token.createdMs = m.milliseconds("created");
  token.revoked = m.flag("revoked");
  return token;
}

std::string tokenLine(const relay::Token& token) {
  Buffer buffer;
  Writer json{buffer};
  json.StartObject();
  text(json, "name", token.name);
  text(json, "secret", token.secret.reveal());
  text(json, "group", token.group);
  if (token.expiresAtMs) {
    json.Key("expiresAt");
    json.Int64(*token.expiresAtMs);
  }
  if (token.usesLeft) {
    json.Key("usesLeft");
    json.Uint(*token.usesLeft);
    json.Key("usedBy");
    json.StartArray();
    for (const PublicKey& key : token.usedBy) json.String(key.str().c_str());
    json.EndArray();
  }
  json.Key("allowExpose");
  json.Bool(token.allowExpose);
  json.Key("created");
  json.Int64(token.createdMs);
  json.Key("revoked");
  json.Bool(token.revoked);
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::size_t lineAt(std::string_view text, std::size_t offset) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size()));
  return 1 + static_cast<std::size_t>(std::count(text.begin(), end, '\n'));
}

/// The line where an element of the array begins, for whoever edits the file by hand: each is an object of depth two.
std::size_t lineOfElement(std::string_view text, std::size_t index) {
  int depth = 0;
  bool inString = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inString) {
      if (c == '\\') ++i;
      if (c == '"') inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '{' && ++depth == 2 && index-- == 0) {
      return lineAt(text, i);
    } else if (c == '}') {
      --depth;
    }
  }
  return lineAt(text, text.size());
}

}  // namespace

std::string nameLine(const relay::NameRecord& record) {
  Buffer buffer;
  Writer json{buffer};
  json.StartObject();
  text(json, "name", record.name.str());
  text(json, "key", record.owner.str());
  text(json, "token", record.token);
  json.Key("firstSeen");
  json.Int64(record.firstSeenMs);
  json.Key("lastSeen");
  json.Int64(record.lastSeenMs);
  json.EndObject();
  return std::string{buffer.GetString(), buffer.GetSize()} + "\n";
}

std::string releaseLine(const ClientId& name) {
  return fmt::format("{{\"name\":\"{}\",\"released\":true}}\n", name.str());
}

std::vector<relay::NameRecord> readNames(std::string_view text, const std::string& path, bool* torn) {
  std::unordered_map<ClientId, relay::NameRecord> names;
  *torn = false;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    const bool last = end == std::string_view::npos;
    const std::string_view one = text.substr(0, end);
    text = last ? std::string_view{} : text.substr(end + 1);
    rapidjson::Document document;
    document.Parse<kParse>(one.data(), one.size());
    std::string wrong = document.HasParseError() || !document.IsObject() ? "it is no JSON object" : "";
    if (wrong.empty()) {
      Members m{document};
      const ClientId name = m.id("name");
      if (m.flag("released")) {
        if (m.wrong().empty()) names.erase(name);
      } else {
        relay::NameRecord record{name, m.key("key"), m.text("token", false), m.milliseconds("firstSeen"),
                                 m.milliseconds("lastSeen")};
        if (m.wrong().empty()) names[name] = std::move(record);
      }
      wrong = m.wrong();
    }
    if (wrong.empty()) continue;
    if (!last) bad(path, line, wrong);
    *torn = true;
  }
  std::vector<relay::NameRecord> out;
  out.reserve(names.size());
  for (auto& [name, record] : names) out.push_back(std::move(record));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

std::string tokensText(const std::vector<relay::Token>& tokens) {
  std::string out = "{\"version\":1,\"tokens\":[";
  for (const relay::Token& token : tokens) {
    if (out.back() == '}') out += ',';
    out += "\n" + tokenLine(token);
  }
  return out + "\n]}\n";
}

std::vector<relay::Token> readTokens(std::string_view text, const std::string& path) {
  rapidjson::Document document;
  document.Parse<kParse>(text.data(), text.size());
  if (document.HasParseError()) bad(path, lineAt(text, document.GetErrorOffset()), "it is not JSON");
  if (!document.IsObject()) bad(path, 1, "it is no JSON object");
  Members root{document};
  const Json* list = root.find("tokens", true);
  if (!list || !list->IsArray()) bad(path, 1, "\"tokens\" is missing or wrong");
  std::vector<relay::Token> out;
  for (const Json& one : list->GetArray()) {
    if (!one.IsObject()) bad(path, lineOfElement(text, out.size()), "a token is no object");
    Members m{one};
    relay::Token token = readToken(m);
    for (const relay::Token& other : out) {
      if (other.name == token.name) m.fail("name");
    }
    if (!m.wrong().empty()) bad(path, lineOfElement(text, out.size()), m.wrong());
    out.push_back(std::move(token));
  }
  return out;
}

}  // namespace chuantou::engine
