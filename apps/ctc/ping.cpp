#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <optional>
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
constexpr Phrase kUdpReply{"UDP reply from {0}: seq={1} time={2}", "来自 {0} 的 UDP 回复：seq={1} 时间={2}"};
constexpr Phrase kFailed{"seq={0}: {1}", "seq={0}：{1}"};
constexpr Phrase kUdpFailed{"UDP seq={0}: {1}", "UDP seq={0}：{1}"};
constexpr Phrase kUdpLost{"UDP seq={0}: no answer", "UDP seq={0}：没有应答"};
constexpr Phrase kSummary{"{0}: {1} sent, {2} answered, {3} % lost; min {4}, avg {5}, max {6}",
                          "{0}：发送 {1}，应答 {2}，丢失 {3} %；最小 {4}，平均 {5}，最大 {6}"};
constexpr Phrase kNoAnswers{"{0}: {1} sent, none answered", "{0}：发送 {1}，没有应答"};
constexpr Phrase kUdpFails{"UDP does not pass: {0}", "UDP 不通：{0}"};
constexpr Phrase kUdpUnknown{"UDP: {0}", "UDP：{0}"};
constexpr Phrase kUdpSilent{"UDP does not pass: {0} sent, none answered", "UDP 不通：发送 {0}，没有应答"};
constexpr std::size_t kMaxAnswer = 65536;

/// One call's datagrams: few enough to see the answers come, and what the daemon takes.
constexpr std::uint64_t kUdpCallMs = 2000;
constexpr std::uint64_t kUdpCallMost = 100;
constexpr std::uint64_t kUdpLeastIntervalMs = 10;

/// What came of one of the ways.
struct Pings {
  std::uint64_t sent = 0;
  std::vector<microseconds> times;
  std::string failure;  ///< why there was no answer at all; empty: there was one, or nobody knows
  bool passes = true;   ///< else the failure says that the way does not exist
};

void pause(const ClientOptions& options) { std::this_thread::sleep_for(std::chrono::milliseconds{options.intervalMs}); }

void print(const ClientOptions& options, const std::string& line) {
  if (!options.json) daemon::printLine(line);
}

microseconds pingOnce(daemon::AdminClient& admin, const ClientOptions& options) {
  daemon::JsonWriter json;
  json.field("peer", options.peer);
  const std::string answer = admin.post("/api/ping", json.finish());
  const daemon::JsonDocument document{answer, kMaxAnswer, options.language};
  return microseconds{document.root().numberOr("rttUs")};
}

std::vector<std::optional<std::int64_t>> pingOverUdp(daemon::AdminClient& admin, const ClientOptions& options, std::uint64_t count) {
  daemon::JsonWriter json;
  json.field("peer", options.peer);
  json.field("protocol", "udp");
  json.field("count", count);
  if (count > 1) json.field("intervalMs", std::max(options.intervalMs, kUdpLeastIntervalMs));
  const std::string answer = admin.post("/api/ping", json.finish());
  return daemon::JsonDocument{answer, kMaxAnswer, options.language}.root().numbers("rttUs");
}

/// Throws Failure unless there was an answer.
Pings measureTcp(daemon::AdminClient& admin, const ClientOptions& options) {
  Pings pings;
  while (pings.sent < options.count) {
    if (pings.sent > 0) pause(options);
    const std::uint64_t seq = ++pings.sent;
    try {
      pings.times.push_back(pingOnce(admin, options));
      print(options, say(options.language, kReply, options.peer, seq, daemon::humanRoundTrip(pings.times.back())));
    } catch (const daemon::Failure& failure) {
      // Before the first answer it is likely a wrong name, which more attempts will not mend.
      if (pings.times.empty()) throw;
      daemon::printError(say(options.language, kFailed, seq, failure.what()));
    }
  }
  return pings;
}

Pings measureUdp(daemon::AdminClient& admin, const ClientOptions& options) {
  Pings pings;
  const std::uint64_t most = std::min(kUdpCallMost, 1 + kUdpCallMs / std::max(options.intervalMs, kUdpLeastIntervalMs));
  while (pings.sent < options.count) {
    if (pings.sent > 0) pause(options);
    const std::uint64_t count = std::min(options.count - pings.sent, most);
    try {
      for (const auto& time : pingOverUdp(admin, options, count)) {
        const std::uint64_t seq = ++pings.sent;
        if (!time) {
          print(options, say(options.language, kUdpLost, seq));
          continue;
        }
        pings.times.emplace_back(*time);
        print(options, say(options.language, kUdpReply, options.peer, seq, daemon::humanRoundTrip(pings.times.back())));
      }
    } catch (const daemon::Failure& failure) {
      if (pings.times.empty()) {
        const std::string& code = failure.code();
        pings.passes = code != "server_unreachable" && code != "target_unreachable" && code != "timed_out";
        pings.failure = failure.what();
        return pings;
      }
      daemon::printError(say(options.language, kUdpFailed, pings.sent + 1, failure.what()));
      pings.sent += count;
    }
  }
  return pings;
}

void writePings(daemon::JsonWriter& json, const Pings& pings) {
  json.field("sent", pings.sent);
  json.field("answered", static_cast<std::uint64_t>(pings.times.size()));
  json.beginArray("rttUs");
  for (const microseconds time : pings.times) json.field({}, static_cast<std::int64_t>(time.count()));
  json.endArray();
}

std::string summary(const ClientOptions& options, const char* way, const Pings& pings) {
  if (pings.times.empty()) return say(options.language, kNoAnswers, way, pings.sent);
  const auto [min, max] = std::minmax_element(pings.times.begin(), pings.times.end());
  const auto sum = std::accumulate(pings.times.begin(), pings.times.end(), microseconds{0});
  const std::uint64_t answered = pings.times.size();
  const std::uint64_t lost = ((pings.sent - answered) * 100 + pings.sent / 2) / pings.sent;
  return say(options.language, kSummary, way, pings.sent, answered, lost, daemon::humanRoundTrip(*min),
             daemon::humanRoundTrip(sum / static_cast<std::int64_t>(answered)), daemon::humanRoundTrip(*max));
}

std::string udpSummary(const ClientOptions& options, const Pings& pings) {
  if (!pings.failure.empty()) return say(options.language, pings.passes ? kUdpUnknown : kUdpFails, pings.failure);
  if (pings.times.empty()) return say(options.language, kUdpSilent, pings.sent);
  return summary(options, "UDP", pings);
}

}  // namespace

int pingPeer(const ClientOptions& options) {
  daemon::AdminClient admin = connectTo(options);
  Pings tcp;
  Pings udp;
  if (options.protocol != Protocol::udp) {
    tcp = measureTcp(admin, options);
    print(options, summary(options, "TCP", tcp));
  }
  if (options.protocol != Protocol::tcp) {
    udp = measureUdp(admin, options);
    print(options, udpSummary(options, udp));
  }
  if (options.json) {
    daemon::JsonWriter json;
    json.field("peer", options.peer);
    if (options.protocol != Protocol::udp) writePings(json, tcp);
    if (options.protocol != Protocol::tcp) {
      json.beginObject("udp");
      writePings(json, udp);
      if (!udp.failure.empty()) json.field("error", udp.failure);
      json.endObject();
    }
    daemon::printLine(json.finish());
  } else {
    daemon::printText("\n" + waysText(admin, options, daemon::wantsColour(STDOUT_FILENO)));
  }
  return tcp.times.empty() && udp.times.empty() ? daemon::kExitFailed : daemon::kExitDone;
}

}  // namespace chuantou::apps
