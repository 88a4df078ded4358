#include "settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <sstream>
#include <string_view>

#include "rivals.hpp"
#include "work.hpp"

namespace chuantou::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kWrongUsage = 2;

constexpr std::string_view kHelp = R"(chuantou-bench: what the tunnel costs, beside the least that is possible

Starts everything itself on 127.0.0.1: a target service, a direct connection, three splice relays in a row, and cts
with two ctc (encryption none). Runs each work on each of them in turn, checks bytes, prints one table.

  --bin DIR        where cts and ctc are (default: beside this program)
  --rivals LIST    measure these too: all, none (default), or some of ssh,nginx,haproxy,socat
  --only LIST      some works only: bulk, ping, conn, mem, udp, or one of
                   {}
  --rounds N       times each work is run on each system (default 3)
  --secs S         length of a timed step (default 2)
  --conns N        connections held open for the memory figures (default 1000)
  --json FILE      write all that was measured to FILE
  --help           this

Exit status: 0 done, 1 something could not be measured or brought wrong bytes, 2 wrong usage.
)";

class Mistake : public Failure {
 public:
  using Failure::Failure;
};

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

template <class T>
T parseNumber(const std::string& flag, const std::string& text, T least, T most) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    throw Mistake(fmt::format("{} takes a number from {} to {}, not '{}'", flag, least, most, text));
  return value;
}

std::vector<std::string> parseRivals(const std::string& list) {
  if (list == "none") return {};
  const auto& known = rivalNames();
  if (list == "all") return {known.begin(), known.end()};
  std::vector<std::string> names = split(list);
  for (const std::string& name : names)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Mistake(fmt::format("--rivals takes all, none, or some of {}, not '{}'", fmt::join(known, ","), name));
  return names;
}

std::vector<std::string> parseOnly(const std::string& list) {
  std::vector<std::string> names = split(list);
  const std::vector<Work> works = allWorks();
  for (const std::string& name : names)
    if (std::none_of(works.begin(), works.end(), [&](const Work& work) { return work.isNamed(name); }))
      throw Mistake(fmt::format("--only knows no work '{}'; see --help", name));
  return names;
}

const std::vector<std::string>& knownFlags() {
  static const std::vector<std::string> flags{"--bin", "--rivals", "--only", "--rounds", "--secs", "--conns", "--json"};
  return flags;
}

Settings parse(const std::vector<std::string>& arguments) {
  Settings settings;
  settings.programs = fs::read_symlink("/proc/self/exe").parent_path();
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string& flag = arguments[i];
    const auto& flags = knownFlags();
    if (std::find(flags.begin(), flags.end(), flag) == flags.end())
      throw Mistake(fmt::format("there is no option '{}'; see --help", flag));
    if (i + 1 == arguments.size()) throw Mistake(fmt::format("{} needs a value", flag));
    const std::string& value = arguments[i + 1];
    if (flag == "--bin")
      settings.programs = fs::absolute(value);
    else if (flag == "--rivals")
      settings.rivals = parseRivals(value);
    else if (flag == "--only")
      settings.only = parseOnly(value);
    else if (flag == "--rounds")
      settings.rounds = parseNumber(flag, value, 1, 1000);
    else if (flag == "--secs")
      settings.span = Seconds(parseNumber(flag, value, 0.1, 3600.0));
    else if (flag == "--conns")
      settings.connections = parseNumber<std::size_t>(flag, value, 1, 100'000);
    else
      settings.json = fs::absolute(value);
  }
  return settings;
}

}  // namespace

CommandLine parseCommandLine(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
    std::vector<std::string> names;
    for (const Work& work : allWorks()) names.push_back(work.name);
    fmt::print(fmt::runtime(kHelp), fmt::join(names, ", "));
    return {std::nullopt, 0};
  }
  try {
    return {parse(arguments), 0};
  } catch (const Mistake& mistake) {
    fmt::print(stderr, "chuantou-bench: {}\n", mistake.what());
    return {std::nullopt, kWrongUsage};
  }
}

}  // namespace chuantou::bench
