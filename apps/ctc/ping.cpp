#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "ctc/commands.hpp"
#include "daemon/failure.hpp"
#include "daemon/human_text.hpp"
#include "daemon/json_reader.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/language.hpp"
#include "daemon/output.hpp"
#include "daemon/table.hpp"

namespace chuantou::apps {

namespace {

using daemon::Phrase;
using daemon::say;
using std::chrono::microseconds;

constexpr Phrase kReply{"reply from {0}: seq={1} time={2}", "来自 {0} 的回复：seq={1} 时间={2}"};
constexpr Phrase kLost{"seq={0}: {1}", "seq={0}：{1}"};
constexpr Phrase kSummary{"{0} sent, {1} answered; min {2}, avg {3}, max {4}",
                          "发送 {0}，应答 {1}；最小 {2}，平均 {3}，最大 {4}"};
constexpr Phrase kNoAnswers{"{0} sent, none answered", "发送 {0}，没有应答"};
constexpr std::size_t kMaxAnswer = 65536;

microseconds pingOnce(daemon::AdminClient& admin, const ClientOptions& options) {
  daemon::JsonWriter json;
  json.field("peer", options.peer);
  const std::string answer = admin.post("/api/ping", json.finish());
  const daemon::JsonDocument document{answer, kMaxAnswer, options.language};
  return microseconds{document.root().numberOr("rttUs")};
}

void printSummary(const ClientOptions& options, std::uint64_t sent, const std::vector<microseconds>& times) {
  const auto [min, max] = std::minmax_element(times.begin(), times.end());
  const auto sum = std::accumulate(times.begin(), times.end(), microseconds{0});
  const auto count = static_cast<std::int64_t>(times.size());
  if (options.json) {
    daemon::JsonWriter json;
    json.field("peer", options.peer);
    json.field("sent", sent);
    json.field("answered", count);
    json.beginArray("rttUs");
    for (const microseconds time : times) json.field({}, static_cast<std::int64_t>(time.count()));
    json.endArray();
    daemon::printLine(json.finish());
  } else if (times.empty()) {
    daemon::printLine(say(options.language, kNoAnswers, sent));
  } else {
    daemon::printLine(say(options.language, kSummary, sent, count, daemon::humanRoundTrip(*min),
                          daemon::humanRoundTrip(sum / count), daemon::humanRoundTrip(*max)));
  }
}

}  // namespace

int pingPeer(const ClientOptions& options) {
  daemon::AdminClient admin = connectTo(options);
  std::vector<microseconds> times;
  for (std::uint64_t seq = 1; seq <= options.count; ++seq) {
    if (seq > 1) std::this_thread::sleep_for(std::chrono::milliseconds{options.intervalMs});
    try {
      times.push_back(pingOnce(admin, options));
      if (!options.json) {
        daemon::printLine(say(options.language, kReply, options.peer, seq, daemon::humanRoundTrip(times.back())));
      }
    } catch (const daemon::Failure& failure) {
      // Before the first answer it is likely a wrong name, which more attempts will not mend.
      if (times.empty()) throw;
      daemon::printError(say(options.language, kLost, seq, failure.what()));
    }
  }
  printSummary(options, options.count, times);
  if (!options.json) daemon::printText("\n" + waysText(admin, options, daemon::wantsColour(STDOUT_FILENO)));
  return times.empty() ? daemon::kExitFailed : daemon::kExitDone;
}

}  // namespace chuantou::apps
