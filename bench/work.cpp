#include "work.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>

#include "bulk_load.hpp"
#include "connection_load.hpp"
#include "datagram_load.hpp"
#include "echo_load.hpp"
#include "proc_stat.hpp"

namespace chuantou::bench {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kPingSize = 64;
constexpr double kFirstFloodRate = 5000;  // datagrams a second
constexpr Milliseconds kSettleStep{100};
constexpr Seconds kSettleLimit{2};

Goal ratioAtLeast(double limit) { return {Goal::Side::atLeast, limit, Goal::Of::ratio}; }
Goal ratioAtMost(double limit) { return {Goal::Side::atMost, limit, Goal::Of::ratio}; }
Goal valueAtMost(double limit) { return {Goal::Side::atMost, limit, Goal::Of::value}; }

Work bulkWork(Direction direction, int streams) {
  const std::string way = direction == Direction::down ? "down" : "up";
  Work work;
  work.name = fmt::format("bulk-{}-{}", way, streams);
  work.title = fmt::format("bulk {}, {} stream{}", way, streams, streams == 1 ? "" : "s");
  work.figures = {{work.name + ".rate", work.title, "GB/s", 2, std::nullopt},
                  {work.name + ".cpu", "  its CPU time", "s/GB", 2, ratioAtMost(1.15)}};
  if (streams == 1) work.figures[0].goal = ratioAtLeast(0.85);
  work.run = [direction, streams](const WorkSite& site) {
    const BulkResult result =
        runBulkLoad(site.system.tcp, direction, streams, site.span, [&site] { return cpuSeconds(site.system.pids()); });
    Outcome outcome{{result.gigabytesPerSecond, site.system.processes.empty() ? kNone : result.cpuSecondsPerGigabyte},
                    ""};
    if (result.brokenStreams > 0) outcome.remark = fmt::format("{} streams broke off", result.brokenStreams);
    return outcome;
  };
  return work;
}

Work pingWork() {
  Work work;
  work.name = "ping";
  work.title = fmt::format("{}-byte ping-pong", kPingSize);
  work.figures = {{"ping.p50", work.title + " p50", "µs", 0, ratioAtMost(1.2)},
                  {"ping.p99", "  p99", "µs", 0, ratioAtMost(1.2)}};
  work.run = [](const WorkSite& site) {
    const Samples roundTrips = runEchoLoad(site.system.tcp, kPingSize, site.span);
    return Outcome{{roundTrips.quantile(0.5), roundTrips.quantile(0.99)}, ""};
  };
  return work;
}

Work connectionWork(std::size_t concurrency) {
  Work work;
  work.name = fmt::format("conn-{}", concurrency);
  work.title = fmt::format("new connections, {} at a time", concurrency);
  work.figures = {{work.name + ".rate", work.title, "1/s", 0, ratioAtLeast(1.0)}};
  if (concurrency == 1)
    work.figures.push_back({"first-byte.p50", "connect to first byte p50", "µs", 0, ratioAtMost(1.2)});
  work.run = [concurrency](const WorkSite& site) {
    const ChurnResult result = runConnectionLoad(site.system.tcp, concurrency, site.span);
    Outcome outcome{{result.perSecond}, ""};
    if (concurrency == 1) outcome.values.push_back(result.firstByte.quantile(0.5));
    if (result.failed > 0) outcome.remark = fmt::format("{} connections failed", result.failed);
    return outcome;
  };
  return work;
}

// PSS once buffers of the moment have been given back: when two looks agree to half a percent.
double settledPss(const System& system) {
  const Time deadline = after(kSettleLimit);
  double last = pssKilobytes(system.pids());
  while (Clock::now() < deadline) {
    ::poll(nullptr, 0, static_cast<int>(kSettleStep.count()));
    const double now = pssKilobytes(system.pids());
    if (std::abs(now - last) <= 0.005 * last) return now;
    last = now;
  }
  return last;
}

Work memoryWork() {
  Work work;
  work.name = "mem";
  work.title = "memory";
  work.figures = {{"mem.idle", "idle memory, all processes", "MB PSS", 1, valueAtMost(12)},
                  {"mem.held", "  for each held connection", "KB PSS", 1, valueAtMost(6)}};
  work.needsFreshSystem = true;
  work.run = [](const WorkSite& site) {
    if (site.system.processes.empty()) return Outcome{{kNone, kNone}, ""};
    const double idle = settledPss(site.system);
    const HeldConnections held(site.system.tcp, site.connections);
    const double loaded = settledPss(site.system);
    Outcome outcome{{idle / 1024, (loaded - idle) / static_cast<double>(held.size())}, ""};
    if (const std::size_t alive = held.countAlive(); alive < site.connections)
      outcome.remark = fmt::format("of {} connections {} opened and {} lived", site.connections, held.size(), alive);
    return outcome;
  };
  return work;
}

Work datagramWork(std::size_t size) {
  Work work;
  work.name = fmt::format("udp-{}", size);
  work.title = fmt::format("UDP {} B, at most 1 % lost", size);
  work.figures = {{work.name + ".rate", work.title, "k/s", 1, std::nullopt}};
  if (size == 64) work.figures[0].goal = ratioAtLeast(0.7);
  work.needsUdp = true;
  // A later round begins near what the last one found: the search is shorter.
  work.run = [size, known = std::make_shared<std::map<std::string, double>>()](const WorkSite& site) {
    double& last = (*known)[site.name];
    const double start = std::max(kFirstFloodRate, last / 2);
    const double best = findHighestRate(*site.system.udp, site.target.tcp, size, start, site.span / 2);
    last = best;
    return Outcome{{best / 1000}, best > 0 ? "" : "more than 1 % lost at any rate"};
  };
  return work;
}

}  // namespace

std::vector<Work> allWorks() {
  std::vector<Work> works;
  for (const Direction direction : {Direction::down, Direction::up})
    for (const int streams : {1, 8}) works.push_back(bulkWork(direction, streams));
  works.push_back(pingWork());
  for (const std::size_t concurrency : {1U, 16U, 64U}) works.push_back(connectionWork(concurrency));
  works.push_back(memoryWork());
  for (const std::size_t size : {64U, 1200U}) works.push_back(datagramWork(size));
  return works;
}

}  // namespace chuantou::bench
