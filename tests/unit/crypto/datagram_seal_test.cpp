#include "crypto/datagram_seal.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "crypto/tls_pair.hpp"
#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::crypto;
using chuantou::test::TlsPair;

namespace {

SealKey keyOf(std::uint8_t fill, bool chaCha20) {
  SealKey key;
  key.key.fill(fill);
  key.iv.fill(static_cast<std::uint8_t>(fill + 1));
  key.chaCha20 = chaCha20;
  return key;
}

std::vector<std::uint8_t> sealed(DatagramSealer& sealer, std::string_view text) {
  const std::vector<std::uint8_t> datagram(text.begin(), text.end());
  std::vector<std::uint8_t> out(datagram.size() + kSealOverhead);
  sealer.seal(datagram, out);
  return out;
}

std::optional<std::string> opened(DatagramOpener& opener, std::vector<std::uint8_t> bytes) {
  const auto text = opener.open(bytes);
  if (!text) return std::nullopt;
  return std::string(text->begin(), text->end());
}

}  // namespace

TEST_CASE("a sealed datagram comes out as it went in, once", "[crypto][seal]") {
  for (const bool chaCha20 : {false, true}) {
    DatagramSealer sealer{keyOf(1, chaCha20)};
    DatagramOpener opener{keyOf(1, chaCha20)};
    for (const std::string& text : {std::string{}, std::string{"x"}, std::string{"hello"}, std::string(65'507, 'y')}) {
      const auto bytes = sealed(sealer, text);
      CHECK(opened(opener, bytes) == text);
      CHECK_FALSE(opened(opener, bytes));  // replayed
    }
  }
}

TEST_CASE("what is not exactly what was sealed is dropped", "[crypto][seal]") {
  for (const bool chaCha20 : {false, true}) {
    DatagramSealer sealer{keyOf(1, chaCha20)};
    const auto bytes = sealed(sealer, "a datagram");
    DatagramOpener opener{keyOf(1, chaCha20)};
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      auto wrong = bytes;
      wrong[at] ^= static_cast<std::uint8_t>(1 << (at % 8));
      CHECK_FALSE(opened(opener, wrong));
    }
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CHECK_FALSE(opened(opener, {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}));
    }
    DatagramOpener other{keyOf(2, chaCha20)};
    CHECK_FALSE(opened(other, bytes));
    // None of that has used the number up.
    CHECK(opened(opener, bytes) == "a datagram");
  }
}

TEST_CASE("datagrams may be lost and overtake each other, within the window", "[crypto][seal]") {
  DatagramSealer sealer{keyOf(3, false)};
  DatagramOpener opener{keyOf(3, false)};
  std::vector<std::vector<std::uint8_t>> all;
  for (int i = 0; i < 3000; ++i) all.push_back(sealed(sealer, std::to_string(i)));
  CHECK(opened(opener, all[1500]) == "1500");
  CHECK(opened(opener, all[1499]) == "1499");
  CHECK(opened(opener, all[1500 - 1023]) == std::to_string(1500 - 1023));
  CHECK_FALSE(opened(opener, all[1500 - 1024]));
  CHECK(opened(opener, all[2999]) == "2999");
  CHECK_FALSE(opened(opener, all[1500]));
  CHECK(opened(opener, all[2998]) == "2998");
  CHECK_FALSE(opened(opener, all[2998]));
}

TEST_CASE("the replay window against a set, at random", "[crypto][seal]") {
  test::SeededRandom random{test::testSeed("replay window")};
  ReplayWindow window;
  std::set<std::uint64_t> seen;
  std::uint64_t newest = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::uint64_t number = newest;
    switch (random.next() % 8) {
      case 0:
        number += random.next() % 3000;  // sometimes beyond the whole window
        break;
      case 1:
      case 2:
        number += random.next() % 3;
        break;
      default:
        number -= std::min<std::uint64_t>(number, random.next() % 1100);
    }
    const bool tooOld = number + ReplayWindow::kSize <= newest;
    const bool expected = seen.count(number) == 0 && !(tooOld && !seen.empty());
    REQUIRE(window.isNew(number) == expected);
    if (!expected) continue;
    window.mark(number);
    seen.insert(number);
    newest = std::max(newest, number);
  }
}

TEST_CASE("both ends of a session have the same seals, others for each flow", "[crypto][seal]") {
  const Identity a = Identity::generate();
  const Identity b = Identity::generate();
  TlsPair pair{makePeerContext(a, TlsRole::client), makePeerContext(b, TlsRole::server)};
  REQUIRE(pair.shakeHands());
  const std::array<std::uint8_t, 2> flow{1, 2};
  const std::array<std::uint8_t, 2> another{1, 3};
  const SealKeys ours = exportSealKeys(pair.client, flow);
  const SealKeys theirs = exportSealKeys(pair.server, flow);
  DatagramSealer up{ours.initiatorToTarget};
  DatagramOpener upThere{theirs.initiatorToTarget};
  CHECK(opened(upThere, sealed(up, "up")) == "up");
  DatagramSealer down{theirs.targetToInitiator};
  DatagramOpener downHere{ours.targetToInitiator};
  CHECK(opened(downHere, sealed(down, "down")) == "down");
  DatagramOpener wrongWay{theirs.targetToInitiator};
  CHECK_FALSE(opened(wrongWay, sealed(up, "up")));
  DatagramOpener wrongFlow{exportSealKeys(pair.server, another).initiatorToTarget};
  CHECK_FALSE(opened(wrongFlow, sealed(up, "up")));
}

TEST_CASE("keys change with the numbers, and late datagrams of the last key are taken", "[crypto][seal]") {
  for (const bool chaCha20 : {false, true}) {
    DatagramSealer sealer{keyOf(4, chaCha20), 8};
    DatagramOpener opener{keyOf(4, chaCha20), 8};
    std::vector<std::vector<std::uint8_t>> all;
    for (int i = 0; i < 40; ++i) all.push_back(sealed(sealer, std::to_string(i)));
    DatagramOpener unchanging{keyOf(4, chaCha20), 1000};
    CHECK(opened(unchanging, all[7]) == "7");
    CHECK_FALSE(opened(unchanging, all[8]));  // another key indeed
    CHECK(opened(opener, all[0]) == "0");
    auto forged = all[9];
    forged[10] ^= 1;
    CHECK_FALSE(opened(opener, forged));
    CHECK(opened(opener, all[1]) == "1");  // the forged one has changed nothing
    CHECK(opened(opener, all[9]) == "9");
    CHECK(opened(opener, all[7]) == "7");
    CHECK_FALSE(opened(opener, all[7]));
    CHECK(opened(opener, all[16]) == "16");
    CHECK(opened(opener, all[15]) == "15");
    CHECK_FALSE(opened(opener, all[2]));   // two keys back
    CHECK_FALSE(opened(opener, all[39]));  // two keys on
    for (int i = 17; i < 40; ++i) CHECK(opened(opener, all[static_cast<std::size_t>(i)]) == std::to_string(i));
  }
}
