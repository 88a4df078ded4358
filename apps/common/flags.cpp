#include "common/flags.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "chuantou/version.hpp"
#include "daemon/failure.hpp"
#include "daemon/nearest_word.hpp"
#include "daemon/output.hpp"

namespace chuantou::apps {

namespace {

using daemon::ConfigKind;
using daemon::say;

constexpr Phrase kHelpFlag{"Show this help and end", "显示帮助"};
constexpr Phrase kVersionFlag{"Show the version and end", "显示版本"};
constexpr Phrase kConfigFlag{"Read flags from this TOML file; the command line wins",
                             "从 TOML 文件读取参数；命令行优先"};
constexpr Phrase kDataDirFlag{"Where the state is kept (default: the XDG state folder)",
                              "数据目录（默认：XDG 状态目录）"};
constexpr Phrase kLangFlag{"Language of the messages: en or zh", "消息语言：en 或 zh"};
constexpr Phrase kUsageTitle{"Usage", "用法"};
constexpr Phrase kOptionsTitle{"Options", "选项"};
constexpr Phrase kCommandsTitle{"Commands", "命令"};
constexpr Phrase kOptionsWord{"OPTIONS", "选项"};
constexpr Phrase kCommandWord{"COMMAND", "命令"};
constexpr Phrase kRequiredWord{"(required)", "（必填）"};

constexpr Phrase kNotNumber{"{0} is not a whole number from {1} to {2}", "{0} 不是 {1} 到 {2} 的整数"};
constexpr Phrase kNotChoice{"{0} is not one of {1}", "{0} 不在可选值之内：{1}"};
constexpr Phrase kUnexpected{"\"{0}\" is not known here", "无法识别 \"{0}\""};
constexpr Phrase kUnexpectedNear{"\"{0}\" is not known here; did you mean \"{1}\"?",
                                 "无法识别 \"{0}\"；是否想写 \"{1}\"？"};
constexpr Phrase kMissing{"{0} is missing", "缺少 {0}"};
constexpr Phrase kMissingCommand{"a command is missing", "缺少命令"};
constexpr Phrase kWrong{"{0}", "参数有误：{0}"};
constexpr Phrase kTryHelp{"{0} --help tells how it is used", "用 {0} --help 查看用法"};

/// The innermost command that was given.
const CLI::App& innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.back());
}

std::string fullName(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : fullName(*app.get_parent()) + " " + app.get_name();
}

std::string unexpectedSentence(const CLI::App& program, const CLI::App& command, Language language) {
  const std::vector<std::string> extras = program.remaining(true);
  const std::string wrong = extras.empty() ? std::string{"?"} : extras.front();
  std::vector<std::string> words;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; }))
    words.push_back(sub->get_name());
  const std::vector<std::string_view> views{words.begin(), words.end()};
  const std::string_view near = daemon::nearestWord(wrong.substr(0, wrong.find('=')), views);
  return near.empty() ? say(language, kUnexpected, wrong) : say(language, kUnexpectedNear, wrong, near);
}

std::string missingSentence(const CLI::Error& error, Language language) {
  const std::string_view what = error.what();
  if (what.starts_with("A subcommand")) return say(language, kMissingCommand);
  constexpr std::string_view kTail = " is required";
  return what.ends_with(kTail) ? say(language, kMissing, what.substr(0, what.size() - kTail.size()))
                               : say(language, kWrong, what);
}

}  // namespace

CLI::Option* Flags::add(CLI::Option* option, const char* value, ConfigKind kind) {
  if (value != nullptr) option->type_name(value);
  if (!option->get_lnames().empty()) keys_.push_back({option->get_lnames().front(), kind});
  return option;
}

CLI::Option* Flags::text(const std::string& names, std::string& out, const char* value, const Phrase& help) {
  return add(command_.add_option(names, out, help.in(language_)), value, ConfigKind::text)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

CLI::Option* Flags::choice(const std::string& name, std::string& out, std::vector<std::string> choices,
                           const Phrase& help) {
  const std::string all = fmt::format("{}", fmt::join(choices, ", "));
  const std::string shown = fmt::format("{}", fmt::join(choices, "|"));
  return text(name, out, shown.c_str(), help)
      ->check([language = language_, choices = std::move(choices), all](const std::string& given) {
        const bool known = std::find(choices.begin(), choices.end(), given) != choices.end();
        return known ? std::string{} : say(language, kNotChoice, given, all);
      });
}

CLI::Option* Flags::number(const std::string& name, std::uint64_t& out, std::uint64_t min, std::uint64_t max,
                           const char* value, const Phrase& help) {
  return add(command_.add_option(name, out, help.in(language_)), value, ConfigKind::integer)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->check([language = language_, min, max](const std::string& given) {
        std::uint64_t number = 0;
        const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), number);
        const bool fits = error == std::errc{} && end == given.data() + given.size() && number >= min && number <= max;
        return fits ? std::string{} : say(language, kNotNumber, given, min, max);
      });
}

CLI::Option* Flags::toggle(const std::string& name, bool& out, const Phrase& help) {
  return add(command_.add_flag(name, out, help.in(language_)), nullptr, ConfigKind::boolean);
}

CLI::Option* Flags::list(const std::string& names, std::vector<std::string>& out, const char* value,
                         const Phrase& help) {
  return add(command_.add_option(names, out, help.in(language_)), value, ConfigKind::list)->allow_extra_args(false);
}

void Flags::config(std::string& fileName) {
  configFile_ = &fileName;
  command_.add_option("--config", fileName, kConfigFlag.in(language_))->type_name("FILE");
}

void Flags::common(std::string& dataDir, std::string& lang) {
  text("--data-dir", dataDir, "DIR", kDataDirFlag);
  choice("--lang", lang, {"en", "zh"}, kLangFlag);
}

void Flags::applyConfig() {
  if (configFile_ == nullptr || configFile_->empty()) return;
  for (const daemon::ConfigValue& value : daemon::readConfig(*configFile_, keys_, language_)) {
    CLI::Option* option = command_.get_option("--" + value.key);
    if (option->count() > 0) continue;
    try {
      for (const std::string& one : value.values) option->add_result(one);
      if (!value.values.empty()) option->run_callback();
    } catch (const CLI::Error& error) {
      throw daemon::Failure{value.place + ": " + error.what(), daemon::kExitUsage};
    }
  }
}

void prepareProgram(CLI::App& program, const std::string& name, const Phrase& description, const Phrase& footer,
                    Language language) {
  program.name(name);
  program.description(description.in(language));
  program.footer(footer.in(language));
  program.option_defaults()->group(kOptionsTitle.in(language));
  program.set_help_flag("-h,--help", kHelpFlag.in(language));
  program.set_version_flag("--version", name + " " + version(), kVersionFlag.in(language));
  const auto formatter = program.get_formatter();
  formatter->label("Usage", kUsageTitle.in(language));
  formatter->label("OPTIONS", kOptionsWord.in(language));
  formatter->label("SUBCOMMAND", kCommandWord.in(language));
  formatter->label("REQUIRED", kRequiredWord.in(language));
  formatter->column_width(36);
  program.require_subcommand(1);
}

CLI::App& addCommand(CLI::App& parent, const std::string& name, const Phrase& help, Language language) {
  CLI::App* command = parent.add_subcommand(name, help.in(language));
  command->group(kCommandsTitle.in(language));
  command->option_defaults()->group(kOptionsTitle.in(language));
  command->set_help_flag("-h,--help", kHelpFlag.in(language));
  command->footer("");  // that of the program is inherited otherwise
  return *command;
}

Language languageOfArguments(int argc, char** argv) {
  constexpr std::string_view kFlag = "--lang";
  std::string_view value;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") break;
    if (argument == kFlag && i + 1 < argc) value = argv[i + 1];
    if (argument.starts_with("--lang=")) value = argument.substr(kFlag.size() + 1);
  }
  return daemon::chooseLanguage(value);
}

bool parseCommandLine(CLI::App& program, int argc, char** argv, Language language, int& exitCode) {
  std::string sentence;
  try {
    program.parse(argc, argv);
    return true;
  } catch (const CLI::CallForHelp&) {
    const CLI::App& command = innermost(program);
    daemon::printText(command.help(command.get_parent() == nullptr ? std::string{} : fullName(*command.get_parent())));
    exitCode = daemon::kExitDone;
    return false;
  } catch (const CLI::CallForVersion& version) {
    daemon::printLine(version.what());
    exitCode = daemon::kExitDone;
    return false;
  } catch (const CLI::ExtrasError&) {
    sentence = unexpectedSentence(program, innermost(program), language);
  } catch (const CLI::RequiredError& error) {
    // CLI11 misses the command before it looks at a misspelt one.
    sentence = program.remaining_size(true) > 0 ? unexpectedSentence(program, innermost(program), language)
                                                : missingSentence(error, language);
  } catch (const CLI::Error& error) {
    sentence = say(language, kWrong, error.what());
  }
  daemon::printError(sentence);
  daemon::printError(say(language, kTryHelp, fullName(innermost(program))));
  exitCode = daemon::kExitUsage;
  return false;
}

}  // namespace chuantou::apps
