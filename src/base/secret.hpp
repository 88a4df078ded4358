// Texts that must not be seen: printed, they are three stars.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace chuantou {

/// A token, say. There is no comparison: two secrets are compared in constant time, by a proof.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  bool empty() const noexcept { return text_.empty(); }
  /// For a proof, a file of mode 0600 or the person that asks for it; never for a log.
  const std::string& reveal() const noexcept { return text_; }

 private:
  std::string text_;
};

}  // namespace chuantou

template <>
struct fmt::formatter<chuantou::Secret> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(const chuantou::Secret&, Context& context) const {
    return fmt::formatter<fmt::string_view>::format("***", context);
  }
};
