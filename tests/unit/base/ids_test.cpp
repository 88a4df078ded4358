#include "base/ids.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <unordered_set>

#include "support/seeded_random.hpp"

using namespace chuantou;

TEST_CASE("client ids", "[base][ids]") {
  for (const std::string good : {"B", "a", "0", ".", "-", "_", "laptop-7", "host.example_1", "AZaz09._-"}) {
    INFO(good);
    const auto id = ClientId::parse(good);
    REQUIRE(id);
    CHECK(id->str() == good);
  }
  CHECK(ClientId::parse(std::string(64, 'x')));
  CHECK_FALSE(ClientId::parse(std::string(65, 'x')));
  for (int c = 0; c < 256; ++c) {
    const bool good = std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
    INFO("character " << c);
    CHECK(ClientId::parse(std::string{"a"} + static_cast<char>(c)).has_value() == good);
  }
  CHECK_FALSE(ClientId::parse(""));
  CHECK_FALSE(ClientId::parse("客户端"));
  CHECK_FALSE(ClientId::parse(std::string_view{"a\0b", 3}));
  CHECK(ClientId{}.empty());
}

TEST_CASE("a made client id is a valid one, and repeats with the seed", "[base][ids]") {
  test::SeededRandom first{7};
  test::SeededRandom second{7};
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const ClientId id = ClientId::random(first);
    CHECK(id == ClientId::random(second));
    CHECK(ClientId::parse(id.str()) == id);
    CHECK(id.str().size() == 18);
    CHECK(id.str().substr(0, 2) == "c-");
    seen.insert(id.str());
  }
  CHECK(seen.size() == 1000);
}

TEST_CASE("data keys", "[base][ids]") {
  const std::string hex = "000102030405060708090a0b0c0d0eff";
  const auto key = DataKey::parse(hex);
  REQUIRE(key);
  CHECK(key->bytes[1] == 1);
  CHECK(key->bytes[15] == 0xff);
  CHECK(key->hex() == hex);
  for (const char* bad : {"", "00", "000102030405060708090a0b0c0d0ef", "000102030405060708090a0b0c0d0eff0",
                          "000102030405060708090a0b0c0d0efg", "0001020304050607 8090a0b0c0d0eff"}) {
    CHECK_FALSE(DataKey::parse(bad));
  }
  test::SeededRandom random{1};
  std::unordered_set<DataKey, DataKeyHash> seen{16, DataKeyHash{random}};
  for (int i = 0; i < 1000; ++i) {
    const DataKey made = DataKey::random(random);
    CHECK(DataKey::parse(made.hex()) == made);
    seen.insert(made);
  }
  CHECK(seen.size() == 1000);
}

TEST_CASE("keys that a client chooses to be alike do not collide", "[base][ids]") {
  test::SeededRandom random{1};
  const DataKeyHash hash{random};
  for (const std::size_t at : {std::size_t{0}, std::size_t{8}}) {  // either half the same in all of them
    std::unordered_set<std::size_t> buckets;
    for (std::uint32_t i = 0; i < 4096; ++i) {
      DataKey key;
      key.bytes.fill(0x5a);
      for (std::size_t byte = 0; byte < 4; ++byte) key.bytes[at + byte] = static_cast<std::uint8_t>(i >> 8 * byte);
      buckets.insert(hash(key) % 4099);
    }
    CHECK(buckets.size() > 2300);  // of 4,099 at random: 2,588 expected
  }
}

TEST_CASE("session ids", "[base][ids]") {
  struct Row {
    std::uint64_t number;
    const char* text;
  };
  for (const Row& row :
       {Row{0, "s-0"}, Row{1, "s-1"}, Row{0x2f, "s-2f"}, Row{0xffffffffffffffffu, "s-ffffffffffffffff"}}) {
    CHECK(toString(SessionId{row.number}) == row.text);
    CHECK(parseSessionId(row.text) == SessionId{row.number});
  }
  for (const char* bad : {"", "s", "s-", "S-1", "t-1", "1", "s--1", "s-+1", "s- 1", "s-1 ", "s-g", "s-0x1",
                          "s-10000000000000000", "s_1"}) {
    INFO(bad);
    CHECK_FALSE(parseSessionId(bad));
  }
}
