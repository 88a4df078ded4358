#include <unistd.h>

#include "chuantou/nat_detector.hpp"
#include "ctc/commands.hpp"
#include "daemon/failure.hpp"
#include "daemon/json_reader.hpp"
#include "daemon/nat_report_json.hpp"
#include "daemon/nat_report_text.hpp"
#include "daemon/output.hpp"
#include "daemon/table.hpp"

namespace chuantou::apps {

namespace {

/// The server of the client that runs with this data dir, if there is one.
std::vector<std::string> ownServer(const ClientOptions& options) {
  try {
    const std::string answer = connectTo(options).get("/api/status");
    const std::string url = daemon::JsonDocument{answer, 256U * 1024U * 1024U, options.language}.root().textOr("server");
    if (!url.empty()) return {url};
  } catch (const daemon::Failure&) {  // nobody runs: it is not needed
  }
  return {};
}

}  // namespace

int netcheck(const ClientOptions& options) {
  NatDetectorConfig config;
  config.stunServers = options.stunServers;
  config.serverUrls = options.serverUrls;
  if (config.stunServers.empty() && config.serverUrls.empty()) config.serverUrls = ownServer(options);
  config.watchNetwork = false;
  config.measureLifetime = std::chrono::seconds{options.lifetimeSeconds};
  NatDetector detector{config};
  const NatReport report = detector.detect();
  if (options.json) {
    daemon::printLine(daemon::natReportJson(report, options.language));
  } else {
    daemon::printText(daemon::natReportText(report, options.language, daemon::wantsColour(STDOUT_FILENO)));
  }
  return daemon::kExitDone;
}

}  // namespace chuantou::apps
