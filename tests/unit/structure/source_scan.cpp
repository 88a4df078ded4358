#include "structure/source_scan.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

namespace chuantou::test {

namespace {

bool isWordChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':'; }

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(" \t"));
  text.erase(text.find_last_not_of(" \t\r") + 1);  // npos + 1 is 0
  return text;
}

}  // namespace

std::string withoutComments(std::string_view source) {
  std::string out;
  enum class In { code, line, block, string, character } in = In::code;
  bool directive = false;  // the quotes of an #include are kept
  for (std::size_t i = 0; i < source.size(); ++i) {
    const char c = source[i];
    const char next = i + 1 < source.size() ? source[i + 1] : '\0';
    if (c == '\n') {
      out += c;
      directive = false;
      if (in == In::line) in = In::code;
      continue;
    }
    switch (in) {
      case In::code: {
        const bool digitBefore = i > 0 && std::isalnum(static_cast<unsigned char>(source[i - 1])) != 0;  // 1'000
        if (c == '/' && next == '/') {
          in = In::line;
        } else if (c == '/' && next == '*') {
          in = In::block;
        } else {
          out += c;
          if (c == '#') directive = true;
          if (c == '"' && !directive) in = In::string;
          if (c == '\'' && !digitBefore) in = In::character;
        }
        break;
      }
      case In::block:
        if (c == '*' && next == '/') {
          in = In::code;
          ++i;
        }
        break;
      case In::string:
      case In::character:
        if (c == '\\') {
          ++i;
        } else if (c == (in == In::string ? '"' : '\'')) {
          out += c;
          in = In::code;
        }
        break;
      case In::line:
        break;
    }
  }
  return out;
}

std::vector<Include> includesOf(std::string_view source) {
  std::vector<Include> out;
  std::istringstream lines{withoutComments(source)};
  for (std::string line; std::getline(lines, line);) {
    line = trimmed(line);
    if (line.empty() || line[0] != '#') continue;
    line = trimmed(line.substr(1));
    if (line.rfind("include", 0) != 0) continue;
    line = trimmed(line.substr(7));
    if (line.size() < 2) continue;
    const char close = line[0] == '<' ? '>' : '"';
    out.push_back(Include{line.substr(1, line.find(close, 1) - 1), line[0] == '<'});
  }
  return out;
}

std::vector<std::string> wordsIn(std::string_view source, const std::vector<std::string>& forbidden) {
  std::string code;
  std::istringstream lines{withoutComments(source)};
  for (std::string line; std::getline(lines, line);) {
    if (trimmed(line).rfind('#', 0) != 0) code += line + "\n";
  }
  std::vector<std::string> out;
  for (const std::string& word : forbidden) {
    for (std::size_t at = code.find(word); at != std::string::npos; at = code.find(word, at + 1)) {
      const std::size_t end = at + word.size();
      const bool begins = at == 0 || !isWordChar(code[at - 1]) || !isWordChar(word.front()) || word.front() == ':';
      const bool ends = end == code.size() || !isWordChar(code[end]) || !isWordChar(word.back()) || word.back() == ':';
      if (begins && ends) {
        out.push_back(word);
        break;
      }
    }
  }
  return out;
}

std::string readFile(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::filesystem::path> sourcesBelow(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  if (!std::filesystem::is_directory(folder)) return out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
    const auto extension = entry.path().extension();
    if (entry.is_regular_file() && (extension == ".hpp" || extension == ".cpp")) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace chuantou::test
