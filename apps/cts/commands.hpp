// What cts does for each command.
#pragma once

#include "cts/options.hpp"

namespace chuantou::apps {

// All return the exit code and throw Failure or chuantou::Error.
int runServer(const ServerOptions& options);
int showServer(const ServerOptions& options);  ///< status, clients, sessions
int kickClient(const ServerOptions& options);

}  // namespace chuantou::apps
