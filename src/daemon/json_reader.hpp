// Reads a JSON object that a stranger wrote: every field is asked for with its type and limits, and each deviation is a
// sentence that names the field.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chuantou/error.hpp"

namespace chuantou::daemon {

/// A view of one object; valid while its JsonDocument lives. Missing and null are the same.
class JsonObject {
 public:
  JsonObject(const rapidjson::Value& value, Language language) : value_(&value), language_(language) {}

  // All throw ApiError (400) where the field is there and does not fit.
  std::optional<std::string> text(const char* key, std::size_t maxLength) const;
  std::optional<std::uint64_t> number(const char* key, std::uint64_t min, std::uint64_t max) const;
  std::optional<bool> flag(const char* key) const;
  std::string requiredText(const char* key, std::size_t maxLength) const;
  std::uint64_t requiredNumber(const char* key, std::uint64_t min, std::uint64_t max) const;
  /// Throws ApiError (400) for a field that is not among these: a misspelt one must not be ignored.
  void onlyFields(std::initializer_list<std::string_view> known) const;

  // For answers of our own daemon, which need no sentences: a value of another type reads as empty.
  std::string textOr(const char* key, std::string_view otherwise = {}) const;
  std::int64_t numberOr(const char* key, std::int64_t otherwise = 0) const;
  bool boolean(const char* key) const;
  bool has(const char* key) const { return find(key) != nullptr; }
  std::vector<JsonObject> objects(const char* key) const;
  /// The elements of an array; none: no number.
  std::vector<std::optional<std::int64_t>> numbers(const char* key) const;
  std::optional<JsonObject> object(const char* key) const;

 private:
  const rapidjson::Value* find(const char* key) const;

  const rapidjson::Value* value_;
  Language language_;
};

class JsonDocument {
 public:
  /// Throws ApiError (400) for anything but an object, and above `limit` bytes. Depth of nesting costs no stack.
  JsonDocument(std::string_view text, std::size_t limit, Language language);
  JsonObject root() const { return {document_, language_}; }

 private:
  rapidjson::Document document_;
  Language language_;
};

}  // namespace chuantou::daemon
