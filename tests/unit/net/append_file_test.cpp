// The journal's file: whole texts, one after the other.
#include "net/append_file.hpp"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "daemon/temp_dir.hpp"
#include "net/state_file.hpp"

using namespace chuantou::net;

TEST_CASE("what is appended is there at once, and after opening again", "[net][file]") {
  const chuantou::test::TempDir folder;
  const std::string path = folder.path() + "/journal";
  {
    AppendFile file{path};
    file.append("one\n");
    CHECK(readFile(path, 100) == "one\n");
    file.append("");
    file.append("two\n");
  }
  AppendFile again{path};
  again.append("three\n");
  CHECK(readFile(path, 100) == "one\ntwo\nthree\n");
  CHECK_THROWS_AS(AppendFile{folder.path()}, std::system_error);
  CHECK_THROWS_AS(AppendFile{folder.path() + "/no/such"}, std::system_error);
}

TEST_CASE("a text that does not fit is not half there", "[net][file]") {
  const chuantou::test::TempDir folder;
  const std::string path = folder.path() + "/journal";
  AppendFile file{path};
  file.append("first\n");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{10, before.rlim_max};  // the disk is full in the middle of the next text
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  CHECK_THROWS_AS(file.append("second line\n"), std::system_error);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, old);
  CHECK(readFile(path, 100) == "first\n");
  file.append("third\n");
  CHECK(readFile(path, 100) == "first\nthird\n");
}
