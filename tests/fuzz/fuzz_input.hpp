// What fuzz targets share: reading decisions from an input, and saying that something is wrong.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace chuantou::fuzz {

inline void expect(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

/// Takes an input apart from the front; gives zeros when it is used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  bool empty() const noexcept { return rest_.empty(); }
  std::span<const std::uint8_t> rest() const noexcept { return rest_; }
  std::string_view restAsText() const { return {reinterpret_cast<const char*>(rest_.data()), rest_.size()}; }

  std::size_t byte() {
    if (rest_.empty()) return 0;
    const std::size_t out = rest_.front();
    rest_ = rest_.subspan(1);
    return out;
  }
  std::size_t word() {
    const std::size_t high = byte();
    return high << 8 | byte();
  }
  /// In [0, limit), of as many bytes as it takes.
  std::size_t below(std::size_t limit) {
    if (limit <= 0x100) return byte() % limit;
    if (limit <= 0x10000) return word() % limit;
    const std::size_t high = word();
    return (high << 16 | word()) % limit;
  }
  std::span<const std::uint8_t> take(std::size_t size) {
    const auto out = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(out.size());
    return out;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

/// The choices of a model (an interface with below()) are the input's.
template <class Choices>
class InputChoices final : public Choices {
 public:
  explicit InputChoices(Input input) : input_(input) {}
  std::size_t below(std::size_t limit) override { return input_.below(limit); }
  bool empty() const { return input_.empty(); }

 private:
  Input input_;
};

}  // namespace chuantou::fuzz
