// What the server stores: read back as it was written, and refused with its place where it is damaged.
#include "engine/server/server_state.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "daemon/temp_dir.hpp"
#include "engine/server/state_json.hpp"
#include "net/state_file.hpp"

using namespace chuantou;
using namespace chuantou::engine;
using chuantou::relay::NameRecord;
using chuantou::relay::Token;
using chuantou::relay::TokenTable;

namespace {

PublicKey key(unsigned number) {
  PublicKey out;
  out.bytes[3] = static_cast<std::uint8_t>(number);
  return out;
}
ClientId named(const char* name) { return *ClientId::parse(name); }
NameRecord record(const char* name, unsigned owner, std::int64_t lastSeen = 20) {
  return NameRecord{named(name), key(owner), "main", 10, lastSeen};
}

struct Folder {
  test::TempDir folder;
  std::string path = folder.path() + "/state";
  std::string names = path + "/names.jsonl";
  std::string tokens = path + "/tokens.json";
  std::vector<std::string> warnings;
  Logger log{[this](LogLevel, std::string_view, std::string_view line) { warnings.emplace_back(line); }, LogLevel::warn,
             Language::english};

  ServerState open() { return ServerState{path, log}; }
  std::string content(const std::string& file) { return net::readFile(file, 1 << 20).value_or("(missing)"); }
  static void put(const std::string& file, const std::string& text) {
    std::ofstream{file, std::ios::binary | std::ios::trunc} << text;
  }
  /// The error's subject, which is the damaged place.
  std::string damagedAt() {
    try {
      open();
    } catch (const Error& error) {
      CHECK(error.errc() == Errc::bad_config);
      CHECK_FALSE(error.detail().empty());
      return error.subject();
    }
    return "nowhere";
  }
};

unsigned modeOf(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777U;
}

}  // namespace

TEST_CASE_METHOD(Folder, "names are read back as they were stored", "[engine][state]") {
  {
    ServerState state = open();
    CHECK(state.takeNames().empty());
    state.store(record("A", 1));
    state.store(record("B", 2));
    state.store(record("A", 1, 30));
    state.store(record("C", 3));
    state.forget(named("C"));
    CHECK(content(names) == nameLine(record("A", 1)) + nameLine(record("B", 2)) + nameLine(record("A", 1, 30)) +
                                nameLine(record("C", 3)) + releaseLine(named("C")));
  }
  ServerState again = open();
  const auto read = again.takeNames();
  REQUIRE(read.size() == 2);
  CHECK(read[0].name == named("A"));
  CHECK(read[0].owner == key(1));
  CHECK(read[0].token == "main");
  CHECK(read[0].firstSeenMs == 10);
  CHECK(read[0].lastSeenMs == 30);
  CHECK(read[1].owner == key(2));
  CHECK(content(names) == nameLine(record("A", 1, 30)) + nameLine(record("B", 2)));  // only what is still so
  again.store(record("D", 4));
  CHECK(content(names) == nameLine(record("A", 1, 30)) + nameLine(record("B", 2)) + nameLine(record("D", 4)));
  CHECK(modeOf(path) == 0700);
  CHECK(modeOf(names) == 0600);
  CHECK(warnings.empty());
}

TEST_CASE_METHOD(Folder, "a last line that was cut off is left out, wherever it was cut", "[engine][state]") {
  std::filesystem::create_directories(path);
  const std::string first = nameLine(record("A", 1));
  const std::string second = nameLine(record("B", 2));
  for (std::size_t cut = 1; cut < second.size(); ++cut) {
    put(names, first + second.substr(0, cut));
    warnings.clear();
    const bool whole = cut == second.size() - 1;  // only its end of line is missing
    {
      ServerState state = open();
      CHECK(state.takeNames().size() == (whole ? 2 : 1));
      CHECK(warnings.size() == (whole ? 0 : 1));
      state.store(record("C", 3));  // does not run into the torn one
    }
    CHECK(open().takeNames().size() == (whole ? 3 : 2));
  }
  put(names, first + std::string(100, '\0'));  // a file system that had made room for it
  CHECK(open().takeNames().size() == 1);
}

TEST_CASE_METHOD(Folder, "any other damage of the names is an error with its line", "[engine][state]") {
  std::filesystem::create_directories(path);
  const std::string good = nameLine(record("A", 1));
  const std::string bad[] = {
      "nonsense\n",
      "\n",
      "[]\n",
      "{}\n",
      good.substr(0, good.size() / 2) + "\n",
      good.substr(0, good.size() - 1) + good,
      R"({"name":"a b","released":true})"
      "\n",
      R"({"name":"B","key":"ed25519:00","token":"","firstSeen":1,"lastSeen":1})"
      "\n",
      R"({"name":"B","released":"yes"})"
      "\n",
      std::string(50'000, '[') + "\n",
  };
  for (const std::string& line : bad) {
    CAPTURE(line.substr(0, 60));
    for (const std::string& text : {good + line + good, good + line}) {
      put(names, text);
      CHECK(damagedAt() == names + ":2");
      CHECK(content(names) == text);  // nothing is lost by looking
    }
  }
}

TEST_CASE_METHOD(Folder, "tokens are read back as they were stored", "[engine][state]") {
  Token guest;
  guest.name = "guest";
  guest.secret = Secret{"a \"secret\" 秘密"};
  guest.group = "guests";
  guest.expiresAtMs = 1'700'000'000'000;
  guest.usesLeft = 3;
  guest.usedBy = {key(1), key(2)};
  guest.allowExpose = true;
  guest.createdMs = 5;
  Token gone;
  gone.name = "gone";
  gone.secret = Secret{"x"};
  gone.revoked = true;
  Token given;
  given.name = "main";
  given.secret = Secret{"of the flag"};
  given.configured = true;
  Token own = gone;
  own.name = "main";
  own.secret = Secret{"of the file"};
  TokenTable table;
  for (const Token& token : {guest, given, gone}) table.restore(token);
  {
    ServerState state = open();
    state.setAside(own);
    state.store(table);
  }
  CHECK(modeOf(tokens) == 0600);
  CHECK(content(tokens).find("of the flag") == std::string::npos);
  const auto read = open().takeTokens();
  REQUIRE(read.size() == 3);
  CHECK(read[0].name == "main");
  CHECK(read[0].secret.reveal() == "of the file");
  CHECK(read[1].name == "guest");
  CHECK(read[1].secret.reveal() == guest.secret.reveal());
  CHECK(read[1].group == "guests");
  CHECK(read[1].expiresAtMs == guest.expiresAtMs);
  CHECK(read[1].usesLeft == 3u);
  CHECK(read[1].usedBy == guest.usedBy);
  CHECK(read[1].allowExpose);
  CHECK(read[1].createdMs == 5);
  CHECK_FALSE(read[1].revoked);
  CHECK_FALSE(read[1].configured);
  CHECK(read[2].revoked);
  CHECK_FALSE(read[2].usesLeft);
  CHECK_FALSE(read[2].expiresAtMs);
}

TEST_CASE_METHOD(Folder, "damaged tokens are an error with its line", "[engine][state]") {
  std::filesystem::create_directories(path);
  const std::string good = R"({"name":"a","secret":"s","group":"main","created":1})";
  struct Row {
    std::string text;
    int line;
  };
  const Row rows[] = {
      {"", 1},
      {"{\"tokens\":[\n" + good + ",\n}", 3},
      {"[]", 1},
      {"{}", 1},
      {"{\"tokens\":5}", 1},
      {"{\"tokens\":[\n5]}", 2},
      {"{\"tokens\":[\n" + good + ",\n" + good + "\n]}", 3},  // twice
      {"{\"tokens\":[\n" + good + ",\n\n" + R"({"name":"b","secret":"","group":"main","created":1}]})", 4},
      {"{\"tokens\":[\n{\"name\":\"{\",\n\"secret\":\"s\"}]}", 2},
      {"{\"tokens\":[" + good + R"(,{"name":"b","secret":"s","group":"main","created":1,"usesLeft":-1}]})", 1},
      {"{\"tokens\":[" + good +
           R"(,{"name":"b","secret":"s","group":"main","created":1,"usesLeft":1,"usedBy":["x"]}]})",
       1},
      {std::string(50'000, '['), 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text.substr(0, 100));
    put(tokens, row.text);
    if (row.text == "{\"tokens\":[\n5]}") {
      CHECK(damagedAt().rfind(tokens + ":", 0) == 0);
    } else {
      CHECK(damagedAt() == tokens + ":" + std::to_string(row.line));
    }
    CHECK(content(tokens) == row.text);
  }
  put(tokens, "{\"tokens\":[" + good + "],\"later\":1}");
  CHECK(open().takeTokens().size() == 1);
}

TEST_CASE_METHOD(Folder, "without a folder nothing is stored", "[engine][state]") {
  ServerState state{"", log};
  state.store(record("A", 1));
  state.forget(named("A"));
  state.store(TokenTable{});
  CHECK_FALSE(std::filesystem::exists("/names.jsonl"));
  CHECK(content(names) == "(missing)");
}

TEST_CASE_METHOD(Folder, "a folder that cannot be made is an error that names it", "[engine][state]") {
  put(path, "a file");
  CHECK_THROWS_WITH(open(), Catch::Contains(path));
}
