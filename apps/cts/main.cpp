// cts: the server. Flags in, library calls, text out.
#include "common/main_guard.hpp"
#include "cts/commands.hpp"
#include "cts/options.hpp"

int main(int argc, char** argv) {
  using namespace chuantou::apps;
  ServerOptions options;
  return guarded(options.language, [&] {
    int exitCode = 0;
    if (!readServerOptions(argc, argv, options, exitCode)) return exitCode;
    switch (options.command) {
      case ServerCommand::run:
        return runServer(options);
      case ServerCommand::kick:
        return kickClient(options);
      case ServerCommand::release:
        return releaseName(options);
      case ServerCommand::token:
      case ServerCommand::tokenList:
      case ServerCommand::tokenAdd:
      case ServerCommand::tokenRotate:
      case ServerCommand::tokenRevoke:
        return tokenCommand(options);
      default:
        return showServer(options);
    }
  });
}
