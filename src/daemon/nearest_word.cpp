#include "daemon/nearest_word.hpp"

#include <algorithm>
#include <vector>

namespace chuantou::daemon {

namespace {

/// Optimal string alignment: Levenshtein's distance in which swapping two neighbours is one change.
std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({change, last[j] + 1, now[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(now);
  }
  return last[b.size()];
}

}  // namespace

std::string_view nearestWord(std::string_view wrong, std::span<const std::string_view> words) {
  if (wrong.size() > 64) return {};
  std::string_view best;
  std::size_t bestDistance = std::max<std::size_t>(2, wrong.size() / 3) + 1;
  for (const std::string_view word : words) {
    const std::size_t distance = editDistance(wrong, word);
    if (distance < bestDistance && distance < word.size()) {
      best = word;
      bestDistance = distance;
    }
  }
  return best;
}

}  // namespace chuantou::daemon
