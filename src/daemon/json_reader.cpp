#include "daemon/json_reader.hpp"

#include <algorithm>

#include "daemon/api_error.hpp"
#include "daemon/phrases.hpp"

namespace chuantou::daemon {

namespace {

template <class... Args>
[[noreturn]] void bad(Language language, const Phrase& phrase, const Args&... args) {
  throw ApiError{400, "bad_request", say(language, phrase, args...)};
}

}  // namespace

const rapidjson::Value* JsonObject::find(const char* key) const {
  const auto member = value_->FindMember(key);
  if (member == value_->MemberEnd() || member->value.IsNull()) return nullptr;
  return &member->value;
}

std::optional<std::string> JsonObject::text(const char* key, std::size_t maxLength) const {
  const rapidjson::Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->IsString()) bad(language_, kFieldNotText, key);
  if (value->GetStringLength() > maxLength) bad(language_, kFieldTooLong, key, maxLength);
  return std::string{value->GetString(), value->GetStringLength()};
}

std::optional<std::uint64_t> JsonObject::number(const char* key, std::uint64_t min, std::uint64_t max) const {
  const rapidjson::Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->IsUint64() || value->GetUint64() < min || value->GetUint64() > max) {
    bad(language_, kFieldNotNumber, key, min, max);
  }
  return value->GetUint64();
}

std::optional<bool> JsonObject::flag(const char* key) const {
  const rapidjson::Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->IsBool()) bad(language_, kFieldNotFlag, key);
  return value->GetBool();
}

std::string JsonObject::requiredText(const char* key, std::size_t maxLength) const {
  auto value = text(key, maxLength);
  if (!value) bad(language_, kFieldMissing, key);
  return *std::move(value);
}

std::uint64_t JsonObject::requiredNumber(const char* key, std::uint64_t min, std::uint64_t max) const {
  const auto value = number(key, min, max);
  if (!value) bad(language_, kFieldMissing, key);
  return *value;
}

void JsonObject::onlyFields(std::initializer_list<std::string_view> known) const {
  for (const auto& member : value_->GetObject()) {
    const std::string_view name{member.name.GetString(), member.name.GetStringLength()};
    // The name goes into a sentence: only its start, a whole book may have been sent.
    if (std::find(known.begin(), known.end(), name) == known.end()) bad(language_, kFieldUnknown, name.substr(0, 64));
  }
}

std::string JsonObject::textOr(const char* key, std::string_view otherwise) const {
  const rapidjson::Value* value = find(key);
  if (value == nullptr || !value->IsString()) return std::string{otherwise};
  return {value->GetString(), value->GetStringLength()};
}

std::int64_t JsonObject::numberOr(const char* key, std::int64_t otherwise) const {
  const rapidjson::Value* value = find(key);
  return value != nullptr && value->IsInt64() ? value->GetInt64() : otherwise;
}

bool JsonObject::boolean(const char* key) const {
  const rapidjson::Value* value = find(key);
  return value != nullptr && value->IsTrue();
}

std::vector<JsonObject> JsonObject::objects(const char* key) const {
  std::vector<JsonObject> found;
  const rapidjson::Value* value = find(key);
  if (value == nullptr || !value->IsArray()) return found;
  for (const auto& element : value->GetArray()) {
    if (element.IsObject()) found.emplace_back(element, language_);
  }
  return found;
}

std::vector<std::optional<std::int64_t>> JsonObject::numbers(const char* key) const {
  std::vector<std::optional<std::int64_t>> found;
  const rapidjson::Value* value = find(key);
  if (value == nullptr || !value->IsArray()) return found;
  for (const auto& element : value->GetArray()) {
    found.push_back(element.IsInt64() ? std::optional<std::int64_t>{element.GetInt64()} : std::nullopt);
  }
  return found;
}

std::optional<JsonObject> JsonObject::object(const char* key) const {
  const rapidjson::Value* value = find(key);
  if (value == nullptr || !value->IsObject()) return std::nullopt;
  return JsonObject{*value, language_};
}

JsonDocument::JsonDocument(std::string_view text, std::size_t limit, Language language) : language_(language) {
  if (text.size() > limit) throw ApiError{400, "too_long", say(language, kBodyTooLong, limit)};
  // Iterative: a recursive parser would be led out of its stack by a body of "[[[[…".
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  document_.Parse<kFlags>(text.data(), text.size());
  if (document_.HasParseError()) bad(language, kJsonBroken, document_.GetErrorOffset());
  if (!document_.IsObject()) bad(language, kJsonNotObject);
}

}  // namespace chuantou::daemon
