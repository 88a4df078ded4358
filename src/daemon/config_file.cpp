#include "daemon/config_file.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <system_error>

#include "daemon/data_dir.hpp"
#include "daemon/failure.hpp"
#include "daemon/nearest_word.hpp"
#include "daemon/phrases.hpp"
#include "net/state_file.hpp"

namespace chuantou::daemon {

namespace {

constexpr std::size_t kMaxConfig = 1024U * 1024U;

const Phrase& typeName(ConfigKind kind) {
  switch (kind) {
    case ConfigKind::integer:
      return kTypeInteger;
    case ConfigKind::boolean:
      return kTypeBoolean;
    case ConfigKind::list:
      return kTypeList;
    default:
      return kTypeText;
  }
}

/// Nothing where the node is of another type.
std::optional<std::vector<std::string>> valuesOf(const toml::node& node, ConfigKind kind) {
  if (kind == ConfigKind::integer) {
    const auto* number = node.as_integer();
    if (number == nullptr || number->get() < 0) return std::nullopt;
    return std::vector{std::to_string(number->get())};
  }
  if (kind == ConfigKind::boolean) {
    const auto* value = node.as_boolean();
    if (value == nullptr) return std::nullopt;
    return std::vector<std::string>{value->get() ? "true" : "false"};
  }
  if (const auto* text = node.as_string()) return std::vector{text->get()};
  const auto* array = node.as_array();
  if (kind != ConfigKind::list || array == nullptr) return std::nullopt;
  std::vector<std::string> values;
  for (const toml::node& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) return std::nullopt;
    values.push_back(text->get());
  }
  return values;
}

std::string placeOf(const std::string& fileName, const toml::source_region& region) {
  return fmt::format("{}:{}", fileName, region.begin.line);
}

}  // namespace

std::vector<ConfigValue> parseConfig(std::string_view text, const std::string& fileName,
                                     std::span<const ConfigKey> keys, Language language) {
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw Failure{fmt::format("{}: {}", placeOf(fileName, error.source()), error.description()), kExitUsage};
  }
  std::vector<std::string_view> names;
  for (const ConfigKey& key : keys) names.push_back(key.name);

  std::vector<std::pair<toml::source_index, ConfigValue>> found;
  for (const auto& entry : table) {
    const toml::key& name = entry.first;
    const toml::node& node = entry.second;
    const std::string place = placeOf(fileName, name.source());
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const ConfigKey& k) { return k.name == name.str(); });
    if (key == keys.end()) {
      const std::string_view near = nearestWord(name.str(), names);
      throw Failure{near.empty() ? say(language, kUnknownKey, place, name.str())
                                 : say(language, kUnknownKeyNear, place, name.str(), near),
                    kExitUsage};
    }
    auto values = valuesOf(node, key->kind);
    if (!values) {
      throw Failure{say(language, kWrongType, place, name.str(), typeName(key->kind).in(language)), kExitUsage};
    }
    found.emplace_back(name.source().begin.line, ConfigValue{key->name, *std::move(values), place});
  }
  // A table sorts by name; people read errors from the top of the file.
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<ConfigValue> values;
  for (auto& entry : found) values.push_back(std::move(entry.second));
  return values;
}

std::vector<ConfigValue> readConfig(const std::string& fileName, std::span<const ConfigKey> keys, Language language) {
  std::optional<std::string> text;
  std::string reason;
  try {
    text = net::readFile(fileName, kMaxConfig);
    if (!text) reason = std::generic_category().message(ENOENT);
  } catch (const std::system_error& error) {
    reason = error.code().message();
  }
  if (!text) throw Failure{say(language, kCannotRead, fileName, reason), kExitUsage};
  return parseConfig(*text, fileName, keys, language);
}

}  // namespace chuantou::daemon
