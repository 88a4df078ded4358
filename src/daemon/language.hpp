// Which language to speak, and sentences that exist in both.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "chuantou/error.hpp"

namespace chuantou::daemon {

/// One sentence in both languages, with fmt's placeholders.
struct Phrase {
  const char* english;
  const char* chinese;

  const char* in(Language language) const { return language == Language::chinese ? chinese : english; }
};

template <class... Args>
std::string say(Language language, const Phrase& phrase, const Args&... args) {
  return fmt::vformat(phrase.in(language), fmt::make_format_args(args...));
}

/// POSIX order: the first of the three that is set and not empty decides. nullptr: not set.
Language languageOfLocale(const char* lcAll, const char* lcMessages, const char* lang);
/// `flag` is the value of --lang; anything but "en" and "zh" leaves it to the environment.
Language chooseLanguage(std::string_view flag);
/// Chinese where an HTTP Accept-Language header prefers it to English.
Language languageOfAcceptHeader(std::string_view header);

}  // namespace chuantou::daemon
