#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "process.hpp"
#include "socket.hpp"

namespace chuantou::bench {

// Where the target service listens.
struct Target {
  Port tcp{};
  Port udp{};
};

// One tunnel or relay while it runs; its processes end with it, all at once.
struct System {
  System() = default;
  System(System&&) = default;
  System& operator=(System&&) = delete;
  ~System();

  Port tcp{};               // its entry for TCP
  std::optional<Port> udp;  // and for UDP, where it carries that
  std::vector<Process> processes;

  // Its processes and all that they have started.
  std::vector<pid_t> pids() const;
};

// How to start one.
struct Recipe {
  std::string name;   // as in --rivals and in the JSON
  std::string title;  // as in the table
  // Starts it in an empty folder of its own. Throws Failure.
  std::function<System(const Target&, const std::filesystem::path& folder)> start;
};

// Starts a system and returns once the service answers through it, over TCP and, where it carries it, UDP.
// Throws Failure.
System startSystem(const Recipe& recipe, const Target& target, const std::filesystem::path& folder);

// Returns when the system has used no processor time for a while, or after a second: what an earlier step left behind
// has been worked off.
void awaitQuiet(const System& system);

// A role of this program in a process of its own: see runRole().
Process startRole(const std::string& role, Port at, const Target& target, const std::filesystem::path& folder);

// The target service itself.
Process startService(const Target& at, const std::filesystem::path& folder);

// No tunnel at all.
Recipe directRecipe();
// Three of our own relays in a row: the limit for a tunnel of two clients and a server.
Recipe spliceRecipe();
// Server and two clients from `programs`, without encryption.
Recipe chuantouRecipe(const std::filesystem::path& programs);

// What `chuantou-bench --role ROLE AT TCP UDP` does; returns only on an error.
int runRole(const std::string& role, Port at, const Target& target);

}  // namespace chuantou::bench
