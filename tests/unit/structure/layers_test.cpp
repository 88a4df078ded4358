// The layers of docs/ARCHITECTURE.md, kept by a test: which folder may use which, and what a core never does.
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <set>

#include "structure/source_scan.hpp"

using namespace chuantou::test;

namespace {

const std::filesystem::path kRoot{CHUANTOU_SOURCE_DIR};

/// Each layer and those that it may include, besides itself and the public headers.
const std::map<std::string, std::set<std::string>> kLayers{
    {"base", {}},
    {"wire", {"base"}},
    {"stun", {"crypto", "base"}},
    {"nat", {"stun", "crypto", "base"}},
    {"stream", {"wire", "base"}},
    {"relay", {"wire", "base"}},
    {"routing", {"base"}},
    {"dht", {"base"}},
    {"crypto", {"base"}},
    {"net", {"crypto", "relay", "stream", "routing", "dht", "nat", "stun", "wire", "base"}},
    {"engine", {"net", "crypto", "relay", "stream", "routing", "dht", "nat", "stun", "wire", "base"}},
    {"api", {"engine", "net", "crypto", "relay", "stream", "routing", "dht", "nat", "stun", "wire", "base"}},
    {"daemon", {"api", "engine", "net", "crypto", "relay", "stream", "routing", "dht", "nat", "stun", "wire", "base"}},
};

/// No sockets, clocks, threads or chance of their own: all of that is handed in.
const std::set<std::string> kCores{"base", "wire", "stun", "nat", "stream", "relay", "routing", "dht"};

/// What a core may include in angle brackets besides the standard library, by layer.
const std::map<std::string, std::set<std::string>> kThirdParty{
    {"base", {"fmt"}},  {"wire", {"fmt", "rapidjson"}}, {"stun", {"fmt"}}, {"nat", {"fmt"}}, {"stream", {"fmt"}},
    {"relay", {"fmt"}}, {"routing", {"fmt"}},           {"dht", {"fmt"}},
};

const std::set<std::string> kStandardThatCoresDoWithout{"thread",   "mutex",      "shared_mutex", "condition_variable",
                                                        "future",   "atomic",     "random",       "iostream",
                                                        "fstream",  "filesystem", "ctime",        "latch",
                                                        "barrier",  "semaphore",  "stop_token",   "csignal",
                                                        "coroutine"};

const std::vector<std::string> kWordsThatCoresDoWithout{
    "::now",        "std::thread",   "std::jthread", "std::async", "std::mutex",  "std::random_device", "std::mt19937",
    "thread_local", "rand",          "srand",        "getenv",     "std::getenv", "std::time",          "time(nullptr)",
    "gettimeofday", "clock_gettime", "sleep_for",    "printf",     "std::cout",   "std::cerr"};

/// The standard library's headers have neither a folder nor an extension.
bool isStandard(const Include& include) {
  return include.angled && include.name.find_first_of("./") == std::string::npos;
}

std::string topOf(const std::string& name) { return name.substr(0, name.find('/')); }

/// What is wrong with a file of a layer; empty: nothing.
std::vector<std::string> faultsOf(const std::string& layer, const std::string& source) {
  std::vector<std::string> faults;
  const bool core = kCores.count(layer) != 0;
  for (const Include& include : includesOf(source)) {
    const std::string top = topOf(include.name);
    if (!include.angled) {
      const bool own = top == layer || top == "chuantou";
      if (!own && kLayers.at(layer).count(top) == 0) faults.push_back("includes " + include.name);
    } else if (core && isStandard(include)) {
      if (kStandardThatCoresDoWithout.count(include.name) != 0) faults.push_back("includes <" + include.name + ">");
    } else if (core && kThirdParty.at(layer).count(top) == 0) {
      faults.push_back("includes <" + include.name + ">");
    }
  }
  if (core) {
    for (const std::string& word : wordsIn(source, kWordsThatCoresDoWithout)) faults.push_back("uses " + word);
  }
  return faults;
}

}  // namespace

TEST_CASE("every folder of src/ is a layer that the table knows", "[structure]") {
  std::size_t layers = 0;
  for (const auto& entry : std::filesystem::directory_iterator{kRoot / "src"}) {
    if (!entry.is_directory() || sourcesBelow(entry.path()).empty()) continue;
    INFO(entry.path().filename());
    CHECK(kLayers.count(entry.path().filename().string()) == 1);
    ++layers;
  }
  CHECK(layers >= 6);
}

TEST_CASE("includes point down, and cores have no sockets, clocks, threads or chance of their own", "[structure]") {
  std::size_t files = 0;
  for (const auto& [layer, below] : kLayers) {
    for (const auto& path : sourcesBelow(kRoot / "src" / layer)) {
      ++files;
      for (const std::string& fault : faultsOf(layer, readFile(path))) {
        FAIL_CHECK(std::filesystem::relative(path, kRoot).string() << " " << fault);
      }
    }
  }
  CHECK(files > 30);
}

TEST_CASE("the layers' table has no circle", "[structure]") {
  for (const auto& [layer, below] : kLayers) {
    for (const std::string& other : below) {
      INFO(layer << " uses " << other);
      REQUIRE(kLayers.count(other) == 1);
      CHECK(kLayers.at(other).count(layer) == 0);
      for (const std::string& third : kLayers.at(other)) CHECK(below.count(third) == 1);
    }
  }
}

TEST_CASE("public headers include only the standard library and each other", "[structure]") {
  std::size_t files = 0;
  for (const auto& path : sourcesBelow(kRoot / "include" / "chuantou")) {
    if (path.filename() == "asio.hpp") continue;  // the optional one, for those who have Asio
    ++files;
    const std::string source = readFile(path);
    for (const Include& include : includesOf(source)) {
      const bool own = !include.angled && include.name.rfind("chuantou/", 0) == 0;
      if (!own && !isStandard(include)) FAIL_CHECK(path.filename().string() << " includes " << include.name);
      // C++20's own headers.
      const std::set<std::string> later{"span",    "concepts",        "ranges",     "compare", "coroutine",
                                        "format",  "source_location", "bit",        "numbers", "latch",
                                        "barrier", "semaphore",       "stop_token", "expected"};
      if (later.count(include.name) != 0) FAIL_CHECK(path.filename().string() << " includes <" << include.name << ">");
    }
    if (source.find("#pragma once") == std::string::npos)
      FAIL_CHECK(path.filename().string() << " can be included twice");
  }
  CHECK(files >= 7);
}

TEST_CASE("the rules above find what they forbid", "[structure]") {
  struct Row {
    const char* layer;
    const char* source;
    bool faulty;
  };
  const Row rows[] = {
      {"base", "#include <vector>\n#include <fmt/format.h>\n#include \"base/x.hpp\"\n#include \"chuantou/error.hpp\"",
       false},
      {"base", "#include \"wire/udp_packet.hpp\"", true},
      {"wire", "#include <rapidjson/document.h>", false},
      {"relay", "#include <rapidjson/document.h>", true},
      {"relay", "#include \"stream/flow_table.hpp\"", true},
      {"relay", "#include \"net/types.hpp\"", true},
      {"wire", "#include <asio.hpp>", true},
      {"wire", "  #  include  <asio/ip/tcp.hpp>  // why", true},
      {"wire", "#include <openssl/evp.h>", true},
      {"base", "#include <sys/socket.h>", true},
      {"base", "#include <unistd.h>", true},
      {"base", "#include <websocketpp/frame.hpp>", true},
      {"base", "#include <thread>", true},
      {"base", "#include <random>", true},
      {"base", "// #include <thread>\n/* #include <asio.hpp> */", false},
      {"relay", "auto now = Clock::now();", true},
      {"relay", "auto now = std::chrono::steady_clock :: now ();", false},  // nobody writes it so
      {"relay", "// never Clock::now()\nconst char* s = \"Clock::now()\";", false},
      {"relay", "void handleTick(Now now) { at(now); }", false},
      {"relay", "std::random_device d;", true},
      {"relay", "int x = rand();", true},
      {"relay", "int operand = 1; int randomly = 2;", false},
      {"relay", "std::thread t;", true},
      {"relay", "#include \"base/time.hpp\"\nTimePoint time{};", false},
      {"relay", "auto t = time(nullptr);", true},
      {"relay", "const int n = 1'000; std::thread t; char c = '\\''; ", true},
      {"net", "#include <asio.hpp>\n#include <thread>\n#include \"relay/broker.hpp\"\nauto n = Clock::now();", false},
      {"net", "#include \"engine/x.hpp\"", true},
      {"engine", "#include \"daemon/x.hpp\"", true},
      {"engine", "#include \"api/x.hpp\"", true},
      {"daemon", "#include \"net/http.hpp\"", false},
  };
  for (const Row& row : rows) {
    INFO(row.layer << ": " << row.source);
    CHECK(faultsOf(row.layer, row.source).empty() != row.faulty);
  }
}
