// What ctc does for each command.
#pragma once

#include "ctc/options.hpp"
#include "daemon/admin_client.hpp"

namespace chuantou::apps {

// All return the exit code and throw Failure or chuantou::Error.
int runClient(const ClientOptions& options);
int showClient(const ClientOptions& options);  ///< status, clients, streams, proxy list
int printAdminLink(const ClientOptions& options);
int migrateStreams(const ClientOptions& options);
int createProxy(const ClientOptions& options);
int deleteProxy(const ClientOptions& options);
int pingPeer(const ClientOptions& options);
int netcheck(const ClientOptions& options);  ///< needs no running client
int showIdentity(const ClientOptions& options);
int exportIdentity(const ClientOptions& options);
int importIdentity(const ClientOptions& options);
int listPeers(const ClientOptions& options);
int forgetPeer(const ClientOptions& options);
int trustPeer(const ClientOptions& options);

/// The daemon of the data dir.
daemon::AdminClient connectTo(const ClientOptions& options);
/// The ways to options.peer that were tried, or where that is empty to all peers, as a table; empty: there are none.
std::string waysText(daemon::AdminClient& admin, const ClientOptions& options, bool colour);

}  // namespace chuantou::apps
