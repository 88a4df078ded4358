#include "engine/client/known_peers.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "chuantou/client.hpp"
#include "daemon/temp_dir.hpp"
#include "net/state_file.hpp"

using namespace chuantou;
using namespace chuantou::engine;
using chuantou::test::TempDir;

namespace {

using Verdict = KnownPeers::Verdict;

ClientId idOf(std::string_view text) { return ClientId::parse(text).value(); }

PublicKey keyOf(std::uint8_t first) {
  PublicKey key;
  key.bytes[0] = first;
  return key;
}

const std::string kDigits(64, 'a');

KnownPeers loaded(const std::string& file) {
  auto peers = KnownPeers::load(file);
  REQUIRE(peers.ok());
  return std::move(*peers);
}

}  // namespace

TEST_CASE("known peers are read as they are written", "[engine]") {
  const std::map<ClientId, KnownPeer> peers{{idOf("B"), {keyOf(1), 1'700'000'000'000}}, {idOf("a.b-c_1"), {keyOf(2), 0}}};
  const std::string text = formatKnownPeers(peers);
  CHECK(text.find("B ed25519:01000000") != std::string::npos);
  CHECK(text.find(" 1700000000000\n") != std::string::npos);
  const auto again = parseKnownPeers(text);
  REQUIRE(again.ok());
  CHECK(again.value().size() == 2);
  CHECK(again.value().at(idOf("B")).key == keyOf(1));
  CHECK(again.value().at(idOf("B")).sinceMs == 1'700'000'000'000);
  CHECK(formatKnownPeers(again.value()) == text);
}

TEST_CASE("comments, blank lines and a last line without its end are fine", "[engine]") {
  const auto peers = parseKnownPeers("# by hand\n\nB ed25519:" + kDigits + " 5\n\nC " + kDigits + " 6");
  REQUIRE(peers.ok());
  CHECK(peers.value().size() == 2);
  CHECK(parseKnownPeers("").value().empty());
}

TEST_CASE("a line that is no peer is named by its number", "[engine]") {
  const std::string good = "B ed25519:" + kDigits + " 5\n";
  for (const std::string& bad :
       {std::string{"C"}, "C " + kDigits, "C " + kDigits + " ", "C " + kDigits + " x", "C " + kDigits + " 5 ",
        "C " + kDigits + " 5\r", "C  " + kDigits + " 5", " C " + kDigits + " 5", "C/ " + kDigits + " 5",
        "C rsa:" + kDigits + " 5", "C " + kDigits + "a 5", "C " + kDigits.substr(1) + " 5", "C " + kDigits + " -1",
        "C " + kDigits + " 9223372036854775807", "C " + kDigits + " 99999999999999999999", std::string{"\0", 1}}) {
    CAPTURE(bad);
    const auto peers = parseKnownPeers("# one\n" + good + bad + "\n" + good);
    REQUIRE_FALSE(peers.ok());
    CHECK(peers.error().errc() == Errc::bad_config);
    CHECK(peers.error().subject().find("line 3 ") != std::string::npos);
  }
}

TEST_CASE("a peer is known by its first key until it is forgotten", "[engine]") {
  const TempDir temp;
  const std::string file = temp.file("known_peers");
  {
    KnownPeers peers = loaded(file);
    CHECK(peers.check(idOf("B"), keyOf(1)) == Verdict::unknown);
    CHECK(peers.remember(idOf("B"), keyOf(1), 7).value());
    CHECK_FALSE(peers.remember(idOf("B"), keyOf(2), 8).value());
  }
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600);
  KnownPeers peers = loaded(file);
  CHECK(peers.check(idOf("B"), keyOf(1)) == Verdict::same);
  CHECK(peers.check(idOf("B"), keyOf(2)) == Verdict::changed);
  CHECK(peers.check(idOf("b"), keyOf(2)) == Verdict::unknown);
  CHECK(peers.all().at(idOf("B")).sinceMs == 7);
  CHECK(peers.forget(idOf("B")).value());
  CHECK_FALSE(peers.forget(idOf("B")).value());
  CHECK(loaded(file).all().empty());
}

TEST_CASE("a key that somebody vouches for replaces the one remembered", "[engine]") {
  const TempDir temp;
  const std::string file = temp.file("known_peers");
  KnownPeers peers = loaded(file);
  CHECK(peers.trust(idOf("B"), keyOf(1), 7).value());
  CHECK(peers.trust(idOf("B"), keyOf(1), 8).value());
  CHECK(loaded(file).all().at(idOf("B")).sinceMs == 7);  // nothing new
  CHECK(peers.trust(idOf("B"), keyOf(2), 9).value());
  CHECK(loaded(file).check(idOf("B"), keyOf(2)) == Verdict::same);
  CHECK(loaded(file).all().at(idOf("B")).sinceMs == 9);
}

TEST_CASE("there is a limit on peers, also in the file", "[engine]") {
  std::string text;
  for (std::size_t i = 0; i < KnownPeers::kMost; ++i) text += fmt::format("c{} ed25519:{} 1700000000000\n", i, kDigits);
  const TempDir temp;
  const std::string file = temp.file("known_peers");
  net::writeFileAtomically(file, text);
  KnownPeers peers = loaded(file);
  CHECK(peers.check(idOf("one-more"), keyOf(1)) == Verdict::full);
  CHECK_FALSE(peers.remember(idOf("one-more"), keyOf(1), 7).value());
  REQUIRE_FALSE(peers.trust(idOf("one-more"), keyOf(1), 7).ok());
  CHECK(peers.trust(idOf("one-more"), keyOf(1), 7).error().errc() == Errc::limit_reached);
  CHECK(peers.trust(idOf("c5"), keyOf(1), 7).value());  // in place of its key
  CHECK(peers.forget(idOf("c7")).value());
  CHECK(peers.remember(idOf("one-more"), keyOf(1), 7).value());
  CHECK(loaded(file).all().size() == KnownPeers::kMost);

  text += "x ed25519:" + kDigits + " 1\n";
  CHECK(parseKnownPeers(text).error().subject().find(fmt::format("line {} ", KnownPeers::kMost + 1)) != std::string::npos);
}

TEST_CASE("a damaged file of peers is an error that names it and stays as it is", "[engine]") {
  const TempDir temp;
  const std::string file = temp.file("known_peers");
  const std::string text = "B ed25519:" + kDigits + " 5\nnonsense\n";
  net::writeFileAtomically(file, text);
  const auto peers = KnownPeers::load(file);
  REQUIRE_FALSE(peers.ok());
  CHECK(peers.error().errc() == Errc::bad_config);
  const std::string sentence = peers.error().message(Language::english);
  CHECK(sentence.find(file) != std::string::npos);
  CHECK(sentence.find("line 2") != std::string::npos);
  CHECK(net::readFile(file, 1000) == text);
  CHECK_FALSE(KnownPeers::load(temp.path()).ok());  // a folder
}

TEST_CASE("without a file peers are known for as long as the client lives", "[engine]") {
  KnownPeers peers = loaded({});
  CHECK(peers.remember(idOf("B"), keyOf(1), 7).value());
  CHECK(peers.check(idOf("B"), keyOf(2)) == Verdict::changed);
}

TEST_CASE("what cannot be written is known all the same, and said", "[engine]") {
  const TempDir temp;
  KnownPeers peers = loaded(temp.file("no/such/folder"));
  REQUIRE_FALSE(peers.trust(idOf("B"), keyOf(1), 7).ok());
  CHECK(peers.check(idOf("B"), keyOf(2)) == Verdict::changed);
}

TEST_CASE("a client trusts, lists and forgets peers", "[engine]") {
  const TempDir temp;
  ClientConfig config;
  config.knownPeersFile = temp.file("known_peers");
  config.identityFile = temp.file("identity.pem");
  const std::string key = "ed25519:" + kDigits;
  std::string own;
  {
    Client client{config};
    own = client.publicKey();
    CHECK(own.size() == key.size());
    client.trustPeer("B", key);
    client.trustPeer("C", kDigits);
    for (const char* bad : {"", "ed25519:", "ed25519:12", "nonsense"}) {
      CAPTURE(bad);
      try {
        client.trustPeer("D", bad);
        FAIL("a key");
      } catch (const Error& error) {
        CHECK(error.errc() == Errc::invalid_argument);
      }
    }
    CHECK_THROWS_AS(client.trustPeer("no id", key), Error);
    CHECK_FALSE(client.forgetPeer("D"));
    CHECK_FALSE(client.forgetPeer("no id"));
    client.stop();
    CHECK_THROWS_AS(client.trustPeer("E", key), Error);
  }
  Client client{config};
  CHECK(client.publicKey() == own);
  REQUIRE(client.knownPeers().size() == 2);
  CHECK(client.knownPeers()[0].id == "B");
  CHECK(client.knownPeers()[0].key == key);
  CHECK(client.knownPeers()[1].key == key);
  CHECK(client.forgetPeer("B"));
  CHECK(client.knownPeers().size() == 1);
}
