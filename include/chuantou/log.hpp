// Where the library's log lines go: nowhere, unless the application hands in a sink.
#pragma once

#include <functional>
#include <string_view>

namespace chuantou {

enum class LogLevel { trace, debug, info, warn, error, off };

/// Receives finished lines. Called from the library's threads, possibly several at once; must not block for long
/// and must not call back into the object that logs. `component` is a short lower-case word ("control", "proxy").
using LogSink = std::function<void(LogLevel level, std::string_view component, std::string_view message)>;

}  // namespace chuantou
