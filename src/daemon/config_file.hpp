// Configuration files: TOML whose keys are the long flags' names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/language.hpp"

namespace chuantou::daemon {

enum class ConfigKind { text, integer, boolean, list };

struct ConfigKey {
  std::string name;
  ConfigKind kind;
};

/// What a file says for one flag, as it would stand on the command line.
struct ConfigValue {
  std::string key;
  std::vector<std::string> values;  ///< one, except of a list; a boolean's is "true" or "false"
  std::string place;                ///< "FILE:LINE"
};

/// Throws Failure (exit code 2): "FILE:LINE: …" for bad syntax, unknown keys (with the nearest known one) and wrong
/// types.
std::vector<ConfigValue> parseConfig(std::string_view text, const std::string& fileName,
                                     std::span<const ConfigKey> keys, Language language);
/// The same of a file; also throws Failure where it cannot be read.
std::vector<ConfigValue> readConfig(const std::string& fileName, std::span<const ConfigKey> keys, Language language);

}  // namespace chuantou::daemon
