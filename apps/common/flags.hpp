// Command-line flags with their help in two languages, and the same flags from a configuration file.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/config_file.hpp"
#include "daemon/language.hpp"

namespace chuantou::apps {

using daemon::Phrase;

/// The flags of one command. The variables must outlive the parsing.
class Flags {
 public:
  Flags(CLI::App& command, Language language) : command_(command), language_(language) {}

  /// `names` as CLI11 takes them ("-L,--local"); `value` stands for the value in the help.
  CLI::Option* text(const std::string& names, std::string& out, const char* value, const Phrase& help);
  CLI::Option* choice(const std::string& name, std::string& out, std::vector<std::string> choices, const Phrase& help);
  CLI::Option* number(const std::string& name, std::uint64_t& out, std::uint64_t min, std::uint64_t max,
                      const char* value, const Phrase& help);
  CLI::Option* toggle(const std::string& name, bool& out, const Phrase& help);
  /// May be repeated, one value each time.
  CLI::Option* list(const std::string& names, std::vector<std::string>& out, const char* value, const Phrase& help);

  /// --config, applied by applyConfig().
  void config(std::string& fileName);
  /// --data-dir, --lang: what every command has.
  void common(std::string& dataDir, std::string& lang);

  /// After the command line was parsed: the file of --config fills in the flags that were not given. Throws Failure.
  void applyConfig();

 private:
  CLI::Option* add(CLI::Option* option, const char* value, daemon::ConfigKind kind);

  CLI::App& command_;
  Language language_;
  const std::string* configFile_ = nullptr;
  std::vector<daemon::ConfigKey> keys_;
};

/// Sets up the program itself: --help, --version, and CLI11's own words in the language. `description` and `footer` are
/// shown by --help.
void prepareProgram(CLI::App& program, const std::string& name, const Phrase& description, const Phrase& footer,
                    Language language);
/// A subcommand that is shown with its description.
CLI::App& addCommand(CLI::App& parent, const std::string& name, const Phrase& help, Language language);

/// The language before the flags are parsed, as their help needs it already.
Language languageOfArguments(int argc, char** argv);

/// Parses; where the program has nothing more to do (help, version, wrong usage) says so and returns false with the
/// exit code.
bool parseCommandLine(CLI::App& program, int argc, char** argv, Language language, int& exitCode);

}  // namespace chuantou::apps
