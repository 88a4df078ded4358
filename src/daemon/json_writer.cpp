#include "daemon/json_writer.hpp"

namespace chuantou::daemon {

namespace {

/// The length of the well-formed sequence at `at` (Unicode, table 3-7), 0 where there is none.
std::size_t sequenceLength(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(at);
  const unsigned second = byte(at + 1);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(at + 1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return 0;
    return tail(at + 1) && tail(at + 2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return 0;
    return tail(at + 1) && tail(at + 2) && tail(at + 3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string repairUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequenceLength(text, at);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
    } else {
      out.append(text.substr(at, length));
      at += length;
    }
  }
  return out;
}

void JsonWriter::name(std::string_view key) {
  if (!key.empty()) writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
}

void JsonWriter::beginObject(std::string_view key) {
  name(key);
  writer_.StartObject();
}

void JsonWriter::beginArray(std::string_view key) {
  name(key);
  writer_.StartArray();
}

void JsonWriter::field(std::string_view key, std::string_view value) {
  name(key);
  const std::string clean = repairUtf8(value);
  writer_.String(clean.data(), static_cast<rapidjson::SizeType>(clean.size()));
}

void JsonWriter::null(std::string_view key) {
  name(key);
  writer_.Null();
}

std::string JsonWriter::finish() {
  writer_.EndObject();
  return {buffer_.GetString(), buffer_.GetSize()};
}

}  // namespace chuantou::daemon
