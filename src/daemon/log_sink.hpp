// Where the programs' log lines go: stderr.
#pragma once

#include <optional>
#include <string_view>

#include "chuantou/log.hpp"

namespace chuantou::daemon {

enum class LogFormat { text, json };

/// Lines with a time stamp, as text or as one JSON object each ({"time","level","component","message"}). Control
/// characters are escaped in both: a line may quote what came from the network.
LogSink makeLogSink(LogFormat format);

/// "trace" … "off".
std::optional<LogLevel> parseLogLevel(std::string_view text);
std::string_view logLevelName(LogLevel level);

}  // namespace chuantou::daemon
