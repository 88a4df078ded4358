// ctc: the client. Flags in, library calls, text out.
#include "common/main_guard.hpp"
#include "ctc/commands.hpp"
#include "ctc/options.hpp"

int main(int argc, char** argv) {
  using namespace chuantou::apps;
  ClientOptions options;
  return guarded(options.language, [&] {
    int exitCode = 0;
    if (!readClientOptions(argc, argv, options, exitCode)) return exitCode;
    switch (options.command) {
      case ClientCommand::run:
        return runClient(options);
      case ClientCommand::streams:
        return options.migrate ? migrateStreams(options) : showClient(options);
      case ClientCommand::proxyCreate:
        return createProxy(options);
      case ClientCommand::proxyDelete:
        return deleteProxy(options);
      case ClientCommand::admin:
        return printAdminLink(options);
      case ClientCommand::ping:
        return pingPeer(options);
      case ClientCommand::netcheck:
        return netcheck(options);
      case ClientCommand::identityShow:
        return showIdentity(options);
      case ClientCommand::identityExport:
        return exportIdentity(options);
      case ClientCommand::identityImport:
        return importIdentity(options);
      case ClientCommand::peersList:
        return listPeers(options);
      case ClientCommand::peersForget:
        return forgetPeer(options);
      case ClientCommand::peersTrust:
        return trustPeer(options);
      default:
        return showClient(options);
    }
  });
}
