#include "chuantou/error.hpp"

#include "base/error_text.hpp"

namespace chuantou {

namespace {

bool isRetryable(Errc code) {
  switch (code) {
    case Errc::timed_out:
    case Errc::server_unreachable:
    case Errc::proxy_refused:
    case Errc::connection_lost:
    case Errc::name_not_found:
    case Errc::too_many_open_files:
    case Errc::not_running:
    case Errc::unknown_peer:
    case Errc::peer_offline:
    case Errc::target_refused:
    case Errc::target_unreachable:
    case Errc::limit_reached:
    case Errc::session_unknown:
    case Errc::system_error:
      return true;
    default:
      return false;
  }
}

class ConditionCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "chuantou.condition"; }
  std::string message(int value) const override {
    return value == static_cast<int>(ErrorCondition::retryable) ? "trying again later may succeed" : "trying again will not help";
  }
  bool equivalent(const std::error_code& code, int condition) const noexcept override {
    if (code.category() != chuantou::error_category() || code.value() == 0) return false;
    const bool retryable = isRetryable(static_cast<Errc>(code.value()));
    return retryable == (condition == static_cast<int>(ErrorCondition::retryable));
  }
};

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "chuantou"; }
  std::string message(int value) const override {
    return errorSentence(static_cast<Errc>(value), {}, {}, Language::english);
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

const std::error_category& error_condition_category() noexcept {
  static const ConditionCategory category;
  return category;
}

std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), error_category()}; }

std::error_condition make_error_condition(ErrorCondition condition) noexcept {
  return {static_cast<int>(condition), error_condition_category()};
}

Error::Error(Errc code, std::string subject, std::string detail)
    : std::system_error(make_error_code(code)),
      code_(code),
      subject_(std::move(subject)),
      detail_(std::move(detail)),
      what_(errorSentence(code_, subject_, detail_, Language::english)) {}

std::string Error::message(Language language) const { return errorSentence(code_, subject_, detail_, language); }

}  // namespace chuantou
