#include "daemon/language.hpp"

#include <cstdlib>

namespace chuantou::daemon {

namespace {

bool startsWithZh(std::string_view text) {
  return text.size() >= 2 && (text[0] == 'z' || text[0] == 'Z') && (text[1] == 'h' || text[1] == 'H');
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

Language languageOfLocale(const char* lcAll, const char* lcMessages, const char* lang) {
  for (const char* value : {lcAll, lcMessages, lang}) {
    if (value == nullptr || *value == '\0') continue;
    return startsWithZh(value) ? Language::chinese : Language::english;
  }
  return Language::english;
}

Language chooseLanguage(std::string_view flag) {
  if (flag == "zh") return Language::chinese;
  if (flag == "en") return Language::english;
  return languageOfLocale(std::getenv("LC_ALL"), std::getenv("LC_MESSAGES"), std::getenv("LANG"));
}

// Quality values are compared as text: RFC 9110, section 12.4.2, writes them "0.8", "1", "1.000", which sort alike.
Language languageOfAcceptHeader(std::string_view header) {
  std::string_view bestZh;
  std::string_view bestEn;
  while (!header.empty()) {
    const std::size_t comma = header.find(',');
    std::string_view item = trim(header.substr(0, comma));
    header = comma == std::string_view::npos ? std::string_view{} : header.substr(comma + 1);
    std::string_view quality = "1";
    if (const std::size_t semicolon = item.find(';'); semicolon != std::string_view::npos) {
      const std::string_view parameter = trim(item.substr(semicolon + 1));
      if (parameter.starts_with("q=")) quality = parameter.substr(2);
      item = trim(item.substr(0, semicolon));
    }
    std::string_view& best = startsWithZh(item) ? bestZh : bestEn;
    if (quality > best) best = quality;
  }
  return !bestZh.empty() && bestZh > "0" && bestZh >= bestEn ? Language::chinese : Language::english;
}

}  // namespace chuantou::daemon
