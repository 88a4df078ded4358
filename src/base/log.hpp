// A logger that is handed in: a level, a component's name and the application's sink.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "chuantou/error.hpp"
#include "chuantou/log.hpp"

namespace chuantou {

/// Cheap to copy by reference; `component` must outlive it (a literal).
class Logger {
 public:
  Logger() = default;
  Logger(LogSink sink, LogLevel level, Language language) : sink_(std::move(sink)), level_(level), language_(language) {}

  bool enabled(LogLevel level) const noexcept { return sink_ && level >= level_ && level_ != LogLevel::off; }
  Language language() const noexcept { return language_; }

  template <class... Args>
  void log(LogLevel level, std::string_view component, fmt::format_string<Args...> format, Args&&... args) const {
    if (enabled(level)) write(level, component, fmt::format(format, std::forward<Args>(args)...));
  }
  /// An error's sentence in the log's language.
  void error(LogLevel level, std::string_view component, const Error& error) const {
    if (enabled(level)) write(level, component, error.message(language_));
  }

 private:
  void write(LogLevel level, std::string_view component, const std::string& line) const;

  LogSink sink_;
  LogLevel level_ = LogLevel::off;
  Language language_ = Language::english;
};

}  // namespace chuantou
