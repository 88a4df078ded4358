// Streams for a terminal.
#pragma once

#include <string>

#include "daemon/json_reader.hpp"

namespace chuantou::daemon {

/// A table of what writeStreams() has written.
std::string streamsText(const JsonObject& answer, Language language, bool colour);

}  // namespace chuantou::daemon
