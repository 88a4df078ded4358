// What cts does for each command.
#pragma once

#include "cts/options.hpp"
#include "daemon/admin_client.hpp"

namespace chuantou::apps {

// All return the exit code and throw Failure or chuantou::Error.
int runServer(const ServerOptions& options);
int showServer(const ServerOptions& options);  ///< status, clients, sessions
int kickClient(const ServerOptions& options);
int releaseName(const ServerOptions& options);
int tokenCommand(const ServerOptions& options);  ///< token, and what follows it

/// The running server of the data dir.
daemon::AdminClient connectTo(const ServerOptions& options);

}  // namespace chuantou::apps
