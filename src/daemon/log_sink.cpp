#include "daemon/log_sink.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <memory>
#include <string>

#include "daemon/json_writer.hpp"

namespace chuantou::daemon {

namespace {

constexpr LogLevel kLevels[] = {LogLevel::trace, LogLevel::debug, LogLevel::info,
                                LogLevel::warn,  LogLevel::error, LogLevel::off};

spdlog::level::level_enum spdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      break;
  }
  return spdlog::level::off;
}

std::string escapeControls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u < ' ' || u == 0x7f) {
      out += fmt::format("\\x{:02x}", u);
    } else {
      out += c;
    }
  }
  return out;
}

/// RFC 3339, UTC, milliseconds.
std::string timeStamp() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

}  // namespace

LogSink makeLogSink(LogFormat format) {
  // Not in spdlog's registry: the programs have no global logger. The level was chosen before a line comes here.
  auto logger = std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  logger->set_pattern(format == LogFormat::text ? "%Y-%m-%d %H:%M:%S.%e %v" : "%v");
  if (format == LogFormat::text) {
    return [logger](LogLevel level, std::string_view component, std::string_view message) {
      logger->log(spdlogLevel(level), "{:<5} {}: {}", logLevelName(level), component, escapeControls(message));
    };
  }
  return [logger](LogLevel level, std::string_view component, std::string_view message) {
    JsonWriter json;
    json.field("time", timeStamp());
    json.field("level", logLevelName(level));
    json.field("component", component);
    json.field("message", message);
    logger->log(spdlogLevel(level), spdlog::string_view_t{json.finish()});
  };
}

std::string_view logLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return "trace";
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
    case LogLevel::off:
      break;
  }
  return "off";
}

std::optional<LogLevel> parseLogLevel(std::string_view text) {
  for (const LogLevel level : kLevels) {
    if (logLevelName(level) == text) return level;
  }
  return std::nullopt;
}

}  // namespace chuantou::daemon
