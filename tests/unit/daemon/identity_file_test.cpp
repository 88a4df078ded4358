#include "daemon/identity_file.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>

#include "daemon/data_dir.hpp"
#include "daemon/failure.hpp"
#include "net/state_file.hpp"
#include "temp_dir.hpp"

using namespace chuantou;
using namespace chuantou::daemon;
using chuantou::test::TempDir;

namespace {

constexpr Language kEnglish = Language::english;

unsigned modeOf(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777U;
}

std::string failureOf(const std::function<void()>& work) {
  try {
    work();
  } catch (const Failure& failure) {
    CHECK(failure.exitCode() == kExitFailed);
    return failure.what();
  }
  return "no failure";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an identity goes out to a file and into another data dir", "[daemon][identity]") {
  const TempDir temp;
  const auto identity = crypto::Identity::generate();
  const std::string file = temp.file("out.pem");
  exportIdentity(identity, file, false, kEnglish);
  CHECK(modeOf(file) == 0600);
  const auto read = readIdentity(file, kEnglish);
  REQUIRE(read.has_value());
  CHECK(read->publicKey() == identity.publicKey());

  const std::string dir = temp.file("new/dir");
  importIdentity(*read, dir, false, kEnglish);
  const std::string stored = dir + "/" + kIdentityFileName;
  CHECK(modeOf(stored) == 0600);
  CHECK(modeOf(dir) == 0700);
  CHECK(readIdentity(stored, kEnglish)->publicKey() == identity.publicKey());
  importIdentity(*read, dir, false, kEnglish);  // the same again
}

TEST_CASE("an export replaces nothing that it was not told to", "[daemon][identity]") {
  const TempDir temp;
  const auto identity = crypto::Identity::generate();
  const std::string file = temp.file("out.pem");
  net::writeFileAtomically(file, "mine");
  std::filesystem::permissions(file, std::filesystem::perms{0644});
  const std::string sentence = failureOf([&] { exportIdentity(identity, file, false, kEnglish); });
  CHECK(contains(sentence, file));
  CHECK(contains(sentence, "--force"));
  CHECK(net::readFile(file, 100) == "mine");
  exportIdentity(identity, file, true, kEnglish);
  CHECK(modeOf(file) == 0600);
  CHECK(readIdentity(file, kEnglish).has_value());

  CHECK(contains(failureOf([&] { exportIdentity(identity, temp.file("no/f"), false, kEnglish); }), "cannot write"));
  CHECK(contains(failureOf([&] { exportIdentity(identity, temp.file("no/f"), true, kEnglish); }), "cannot write"));
}

TEST_CASE("an import replaces no other identity that it was not told to", "[daemon][identity]") {
  const TempDir temp;
  const auto first = crypto::Identity::generate();
  const auto second = crypto::Identity::generate();
  const std::string stored = temp.file(kIdentityFileName);
  importIdentity(first, temp.path(), false, kEnglish);
  const std::string sentence = failureOf([&] { importIdentity(second, temp.path(), false, kEnglish); });
  CHECK(contains(sentence, first.publicKey().str()));
  CHECK(contains(sentence, "--force"));
  CHECK(readIdentity(stored, kEnglish)->publicKey() == first.publicKey());
  importIdentity(second, temp.path(), true, kEnglish);
  CHECK(readIdentity(stored, kEnglish)->publicKey() == second.publicKey());

  net::writeFileAtomically(stored, "damaged");
  CHECK(contains(failureOf([&] { importIdentity(first, temp.path(), false, kEnglish); }), stored));
  CHECK(net::readFile(stored, 100) == "damaged");
  importIdentity(first, temp.path(), true, kEnglish);
  CHECK(readIdentity(stored, kEnglish)->publicKey() == first.publicKey());
}

TEST_CASE("nothing is imported under a program that runs, not even by force", "[daemon][identity]") {
  const TempDir temp;
  DataDir running{temp.path()};
  REQUIRE(running.lock());
  const auto identity = crypto::Identity::generate();
  CHECK(contains(failureOf([&] { importIdentity(identity, temp.path(), true, kEnglish); }), "stop it first"));
  CHECK_FALSE(std::filesystem::exists(temp.file(kIdentityFileName)));
}

TEST_CASE("a file that is no identity is named, and a missing one is none", "[daemon][identity]") {
  const TempDir temp;
  const std::string file = temp.file("in.pem");
  CHECK_FALSE(readIdentity(file, kEnglish).has_value());
  for (const std::string& text : {std::string{}, std::string{"rubbish"}, std::string{"-----BEGIN PRIVATE KEY-----\n"},
                                  std::string(20'000, 'x')}) {
    net::writeFileAtomically(file, text);
    const std::string sentence = failureOf([&] { readIdentity(file, kEnglish); });
    CHECK(contains(sentence, file));
    CHECK(contains(sentence, "Ed25519"));
  }
  CHECK_FALSE(readIdentity(file + "/below", kEnglish).has_value());
  CHECK(contains(failureOf([&] { readIdentity(temp.path(), kEnglish); }), "cannot read"));
}
