#include "system.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <csignal>

#include "datagram_relay.hpp"
#include "echo_load.hpp"
#include "proc_stat.hpp"
#include "service.hpp"
#include "splice_relay.hpp"

namespace chuantou::bench {
namespace {

namespace fs = std::filesystem;

constexpr Seconds kStartLimit{20};
constexpr Milliseconds kTcpTry{2000};
constexpr Milliseconds kUdpTry{200};
constexpr Milliseconds kRetry{20};
constexpr Milliseconds kQuietSpan{60};
constexpr Seconds kQuietLimit{1};
constexpr int kRelays = 3;
constexpr const char* kToken = "bench-token-0123456789";

// Waits a little before the next try, or throws when one of the processes has ended or time is up.
void pauseBeforeRetry(const System& system, const std::string& what, Time deadline) {
  ::poll(nullptr, 0, static_cast<int>(kRetry.count()));
  for (const Process& process : system.processes)
    if (process.ended() || Clock::now() > deadline) throw process.failure(what);
  if (Clock::now() > deadline) throw Failure(what);
}

// The number after the last ':' of a line like "listening on 127.0.0.1:8200".
Port portIn(const std::string& line) {
  const std::size_t colon = line.rfind(':');
  const int value = colon == std::string::npos ? 0 : std::atoi(line.c_str() + colon + 1);
  if (value <= 0 || value > 65535) throw Failure(fmt::format("no port in '{}'", line));
  return static_cast<Port>(value);
}

System startChuantou(const fs::path& programs, const Target& target, const fs::path& folder) {
  const Time deadline = after(kStartLimit);
  System system;
  system.tcp = freePort();
  system.udp = freePort();

  Process& server =
      system.processes.emplace_back(Command{programs / "cts", "run", "--host", "127.0.0.1", "--port", "0", "--token",
                                            kToken, "--data-dir", folder / "cts", "--log-level", "warn"},
                                    folder, "cts");
  const std::string url = fmt::format("ws://127.0.0.1:{}", number(portIn(server.awaitLine("listening on ", deadline))));

  const auto startClient = [&](const char* id, const Command& more) -> Process& {
    Command command{programs / "ctc", "run",       "--server", url, "--id",         id,     "--token",     kToken,
                    "--data-dir",     folder / id, "--port",   "0", "--encryption", "none", "--log-level", "warn"};
    command.insert(command.end(), more.begin(), more.end());
    Process& client = system.processes.emplace_back(command, folder, fmt::format("ctc-{}", id));
    client.awaitLine(fmt::format("registered as {}", id), deadline);
    return client;
  };
  startClient("B", {"--allow", fmt::format("{},{}", number(target.tcp), number(target.udp))});
  Process& access = startClient("A", {"-L", fmt::format("{}:B:{}/tcp", number(system.tcp), number(target.tcp)), "-L",
                                      fmt::format("{}:B:{}/udp", number(*system.udp), number(target.udp))});
  for (const Port entry : {system.tcp, *system.udp})
    access.awaitLine(fmt::format("proxy 127.0.0.1:{} ", number(entry)), deadline);
  return system;
}

System startSpliceChain(const Target& target, const fs::path& folder) {
  System system;
  Target next = target;
  for (int i = 0; i < kRelays; ++i) {  // from the target's end to the entry
    const Target here{freePort(), freePort()};
    const fs::path own = folder / std::to_string(i);
    fs::create_directories(own);
    system.processes.push_back(startRole("relay-tcp", here.tcp, next, own));
    system.processes.push_back(startRole("relay-udp", here.udp, next, own));
    next = here;
  }
  system.tcp = next.tcp;
  system.udp = next.udp;
  return system;
}

}  // namespace

System::~System() {
  if (!processes.empty()) endProcesses(pids());
}

std::vector<pid_t> System::pids() const {
  std::vector<pid_t> roots;
  for (const Process& process : processes) roots.push_back(process.pid());
  return withDescendants(roots);
}

System startSystem(const Recipe& recipe, const Target& target, const fs::path& folder) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  System system = recipe.start(target, folder);
  const Time deadline = after(kStartLimit);
  while (!answersTcp(system.tcp, kTcpTry)) pauseBeforeRetry(system, "the service does not answer over TCP", deadline);
  while (system.udp && !answersUdp(*system.udp, kUdpTry))
    pauseBeforeRetry(system, "the service does not answer over UDP", deadline);
  return system;
}

void awaitQuiet(const System& system) {
  const Time deadline = after(kQuietLimit);
  for (double before = -1; Clock::now() < deadline;) {
    const double now = cpuSeconds(system.pids());
    if (now == before) return;
    before = now;
    ::poll(nullptr, 0, static_cast<int>(kQuietSpan.count()));
  }
}

Process startRole(const std::string& role, Port at, const Target& target, const fs::path& folder) {
  const Command command{fs::read_symlink("/proc/self/exe"),
                        "--role",
                        role,
                        std::to_string(number(at)),
                        std::to_string(number(target.tcp)),
                        std::to_string(number(target.udp))};
  return Process(command, folder, role);
}

Process startService(const Target& at, const fs::path& folder) {
  Process service = startRole("service", at.tcp, at, folder);
  service.awaitTcp(at.tcp, after(kStartLimit));
  return service;
}

Recipe directRecipe() {
  return {"direct", "direct", [](const Target& target, const fs::path&) {
            System system;
            system.tcp = target.tcp;
            system.udp = target.udp;
            return system;
          }};
}

Recipe spliceRecipe() { return {"splice3", "splice ×3", startSpliceChain}; }

Recipe chuantouRecipe(const fs::path& programs) {
  return {"chuantou", "chuantou",
          [programs](const Target& target, const fs::path& folder) { return startChuantou(programs, target, folder); }};
}

int runRole(const std::string& role, Port at, const Target& target) {
  std::signal(SIGPIPE, SIG_IGN);  // splice(2) to a closed connection raises it
  try {
    if (role == "service") runService(target.tcp, target.udp);
    if (role == "relay-tcp") runSpliceRelay(at, target.tcp);
    if (role == "relay-udp") runDatagramRelay(at, target.udp);
    fmt::print(stderr, "there is no role '{}'\n", role);
  } catch (const Failure& failure) {
    fmt::print(stderr, "{}\n", failure.what());
  }
  return 1;
}

}  // namespace chuantou::bench
