// JSON text, built field by field. Strings may hold anything: what is not UTF-8 becomes U+FFFD.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace chuantou::daemon {

/// Bytes that are not UTF-8 (also surrogates and overlong forms) replaced by U+FFFD.
std::string repairUtf8(std::string_view text);

/// Writes one object. A key is given for members of an object and left out for elements of an array.
class JsonWriter {
 public:
  JsonWriter() : writer_(buffer_) { writer_.StartObject(); }

  void beginObject(std::string_view key = {});
  void endObject() { writer_.EndObject(); }
  void beginArray(std::string_view key = {});
  void endArray() { writer_.EndArray(); }

  void field(std::string_view key, std::string_view value);
  void field(std::string_view key, const char* value) { field(key, std::string_view{value}); }
  void field(std::string_view key, std::same_as<bool> auto value) {
    name(key);
    writer_.Bool(value);
  }
  void field(std::string_view key, std::unsigned_integral auto value) requires(!std::same_as<decltype(value), bool>) {
    name(key);
    writer_.Uint64(value);
  }
  void field(std::string_view key, std::signed_integral auto value) {
    name(key);
    writer_.Int64(value);
  }
  void field(std::string_view key, std::same_as<double> auto value) {
    name(key);
    writer_.Double(value);
  }
  void null(std::string_view key);

  /// Closes the outermost object; once.
  std::string finish();

 private:
  void name(std::string_view key);

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

}  // namespace chuantou::daemon
