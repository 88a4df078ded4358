// The ways to peers, for a terminal.
#pragma once

#include <string>
#include <string_view>

#include "daemon/json_reader.hpp"

namespace chuantou::daemon {

/// A table of what writePeerWays() has written, of all peers or of the one named; empty where nothing was tried.
std::string peerWaysText(const JsonObject& answer, Language language, bool colour, std::string_view peer = {});

}  // namespace chuantou::daemon
