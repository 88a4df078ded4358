// Reads C++ sources as far as rules about includes and words need it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace chuantou::test {

struct Include {
  std::string name;
  bool angled = false;  ///< <…>, not "…"
  bool operator==(const Include&) const = default;
};

/// Without comments and the insides of literals, line breaks kept.
std::string withoutComments(std::string_view source);
std::vector<Include> includesOf(std::string_view source);
/// The words (or `a::b` names) of `forbidden` that the code uses, comments, literals and directives aside.
std::vector<std::string> wordsIn(std::string_view source, const std::vector<std::string>& forbidden);

std::string readFile(const std::filesystem::path& path);
/// Every .hpp and .cpp below a folder, sorted; none if there is no such folder.
std::vector<std::filesystem::path> sourcesBelow(const std::filesystem::path& folder);

}  // namespace chuantou::test
