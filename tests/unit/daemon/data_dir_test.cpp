#include "daemon/data_dir.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <thread>

#include "daemon/admin_file.hpp"
#include "daemon/failure.hpp"
#include "daemon/proxy_store.hpp"
#include "daemon/random_token.hpp"
#include "temp_dir.hpp"
#include "net/state_file.hpp"

using namespace chuantou;
using namespace chuantou::daemon;
using chuantou::test::TempDir;

namespace {

unsigned modeOf(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777U;
}

std::size_t filesIn(const std::string& path) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{path}, {}));
}

/// Puts a variable of the environment back.
class SavedVariable {
 public:
  explicit SavedVariable(const char* name) : name_(name) {
    if (const char* value = std::getenv(name)) value_ = value;
  }
  ~SavedVariable() {
    if (value_) {
      ::setenv(name_, value_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  SavedVariable(const SavedVariable&) = delete;
  SavedVariable& operator=(const SavedVariable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> value_;
};

}  // namespace

TEST_CASE("a data dir is made with its parents, for its owner only", "[daemon][state]") {
  const TempDir temp;
  const DataDir dir{temp.file("a/b/c/")};
  CHECK(dir.path() == temp.file("a/b/c"));
  CHECK(modeOf(temp.file("a")) == 0700);
  CHECK(modeOf(temp.file("a/b/c")) == 0700);
  const DataDir again{temp.file("a/b/c")};
  net::writeFileAtomically(temp.file("file"), "x");
  CHECK_THROWS_AS(DataDir{temp.file("file")}, std::system_error);
  CHECK_THROWS_AS(DataDir{temp.file("file/below")}, std::system_error);
}

TEST_CASE("one process at a time has a data dir", "[daemon][state]") {
  const TempDir temp;
  DataDir second{temp.path()};
  {
    DataDir first{temp.path()};
    CHECK(first.lock());
    CHECK(first.lock());
    CHECK_FALSE(second.lock());
  }
  CHECK(second.lock());
}

TEST_CASE("a file is replaced whole, with mode 0600 and no litter", "[daemon][state]") {
  const TempDir temp;
  const std::string path = temp.file("f");
  CHECK_FALSE(net::readFile(path, 10).has_value());
  net::writeFileAtomically(path, "one");
  CHECK(modeOf(path) == 0600);
  net::writeFileAtomically(path, "two");
  CHECK(net::readFile(path, 10) == "two");
  CHECK(filesIn(temp.path()) == 1);
  CHECK_THROWS_AS(net::readFile(path, 2), std::system_error);
}

TEST_CASE("a write that fails leaves the old file and no litter", "[daemon][state]") {
  const TempDir temp;
  const std::string path = temp.file("taken");
  std::filesystem::create_directory(path);
  net::writeFileAtomically(path + "/inside", "x");  // not empty: rename cannot replace it
  CHECK_THROWS_AS(net::writeFileAtomically(path, "new"), std::system_error);
  CHECK(filesIn(temp.path()) == 1);
  CHECK_THROWS_AS(net::writeFileAtomically(temp.file("no/such/folder"), "new"), std::system_error);
}

TEST_CASE("a reader never sees half a file", "[daemon][state]") {
  const TempDir temp;
  const std::string path = temp.file("f");
  const std::string a(100'000, 'a');
  const std::string b(50'000, 'b');
  net::writeFileAtomically(path, a);
  std::atomic<bool> done{false};
  std::thread writer{[&] {
    for (int i = 0; i < 100; ++i) net::writeFileAtomically(path, i % 2 == 0 ? b : a);
    done = true;
  }};
  bool whole = true;
  while (!done) {
    const auto content = net::readFile(path, 1'000'000);
    whole = whole && content && (*content == a || *content == b);
  }
  writer.join();
  CHECK(whole);
}

TEST_CASE("the default data dir follows the XDG rules", "[daemon][state]") {
  const SavedVariable state{"XDG_STATE_HOME"};
  const SavedVariable home{"HOME"};
  ::setenv("XDG_STATE_HOME", "/state", 1);
  CHECK(defaultDataDir("cts", Language::english) == "/state/chuantou/cts");
  ::setenv("XDG_STATE_HOME", "relative", 1);
  ::setenv("HOME", "/home/x", 1);
  CHECK(defaultDataDir("ctc", Language::english) == "/home/x/.local/state/chuantou/ctc");
  ::unsetenv("XDG_STATE_HOME");
  CHECK(defaultDataDir("ctc", Language::english) == "/home/x/.local/state/chuantou/ctc");
}

TEST_CASE("the admin file lives as long as its daemon", "[daemon][state]") {
  const TempDir temp;
  CHECK_FALSE(readAdminFile(temp.path()).has_value());
  {
    const AdminFile file{temp.path(), {"http://127.0.0.1:1", "t1", static_cast<long>(::getpid())}};
    CHECK(modeOf(temp.file(kAdminFileName)) == 0600);
    const auto info = readAdminFile(temp.path());
    REQUIRE(info.has_value());
    CHECK(info->url == "http://127.0.0.1:1");
    CHECK(info->token == "t1");
    CHECK_FALSE(isStale(*info));
  }
  CHECK_FALSE(readAdminFile(temp.path()).has_value());
  CHECK(isStale({"", "", 0x7ffffffe}));
}

TEST_CASE("an admin file that another daemon has replaced is left alone", "[daemon][state]") {
  const TempDir temp;
  {
    const AdminFile file{temp.path(), {"u", "t1", 1}};
    net::writeFileAtomically(temp.file(kAdminFileName), R"({"url":"v","token":"t2","pid":1})");
  }
  CHECK(readAdminFile(temp.path())->token == "t2");
}

TEST_CASE("an admin file that is not ours to understand is none", "[daemon][state]") {
  const TempDir temp;
  for (const char* text :
       {"", "{}", "[]", "{\"url\":1,\"token\":\"t\",\"pid\":1}", "{\"url\":\"u\",\"token\":\"t\",\"pid\":0}",
        "{\"url\":\"u\",\"token\":\"t\",\"pid\":-4}", "\xff"}) {
    CAPTURE(text);
    net::writeFileAtomically(temp.file(kAdminFileName), text);
    CHECK_FALSE(readAdminFile(temp.path()).has_value());
  }
}

TEST_CASE("tokens are random and compared whole", "[daemon][state]") {
  const std::string token = randomToken();
  CHECK(token.size() == 32);
  CHECK(token != randomToken());
  CHECK(tokensEqual(token, token));
  CHECK_FALSE(tokensEqual(token, token.substr(1)));
  CHECK_FALSE(tokensEqual(token, std::string(32, 'x')));
  CHECK_FALSE(tokensEqual("", ""));
}

TEST_CASE("stored proxies come back", "[daemon][state]") {
  const TempDir temp;
  const std::string path = temp.file(kProxyFileName);
  ProxyOptions web{8000, "B", 3000};
  web.name = "web";
  ProxyOptions dns{5353, "B", 53, "10.0.0.1", Protocol::udp, "::1", {}, std::chrono::milliseconds{5000}};
  {
    ProxyStore store{path, Language::english};
    CHECK(store.list().empty());
    store.add(web);
    store.add(dns);
    web.targetPort = 3001;
    store.add(web);  // the same place: replaced
  }
  ProxyStore store{path, Language::english};
  const auto list = store.list();
  REQUIRE(list.size() == 2);
  CHECK(list[0].targetHost == "10.0.0.1");
  CHECK(list[0].localHost == "::1");
  CHECK(list[0].protocol == Protocol::udp);
  CHECK(list[0].udpIdleTimeout == std::chrono::milliseconds{5000});
  CHECK(list[1].targetPort == 3001);
  CHECK(list[1].name == "web");
  store.remove(dns);
  store.remove(dns);
  CHECK(ProxyStore(path, Language::english).list().size() == 1);
}

TEST_CASE("a stored proxy keeps its encryption; one of before is encrypted", "[daemon][state]") {
  const TempDir temp;
  const std::string path = temp.file(kProxyFileName);
  net::writeFileAtomically(path, R"({"proxies":[{"localPort":8000,"targetClientId":"B","targetPort":1}]})");
  ProxyStore store{path, Language::english};
  REQUIRE(store.list().size() == 1);
  CHECK(store.list()[0].encryption == Encryption::end_to_end);
  ProxyOptions plain{8001, "B", 22};
  plain.encryption = Encryption::none;
  store.add(plain);
  const auto list = ProxyStore{path, Language::english}.list();
  REQUIRE(list.size() == 2);
  CHECK(list[0].encryption == Encryption::end_to_end);
  CHECK(list[1].encryption == Encryption::none);
}

TEST_CASE("a damaged store is an error and stays as it is", "[daemon][state]") {
  const TempDir temp;
  const std::string path = temp.file(kProxyFileName);
  for (const char* text : {"{", "[]", R"({"proxies":[{"localPort":70000,"targetClientId":"B","targetPort":1}]})"}) {
    CAPTURE(text);
    net::writeFileAtomically(path, text);
    CHECK_THROWS_AS(ProxyStore(path, Language::english), Failure);
    CHECK(net::readFile(path, 1000) == text);
  }
}
