// The broker's tables by themselves.
#include <catch2/catch.hpp>

#include "relay/client_registry.hpp"
#include "relay/session_table.hpp"
#include "relay/waiting_room.hpp"
#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::relay;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kStart{1000h};
constexpr Now kNow{kStart, 1};

ClientId named(const std::string& name) { return *ClientId::parse(name); }
DataKey keyOf(std::uint8_t number) {
  DataKey key;
  key.bytes.fill(number);
  return key;
}

}  // namespace

TEST_CASE("the registry: online, offline, replaced", "[relay][registry]") {
  ClientRegistry registry{2};
  CHECK_FALSE(registry.add(named("A"), ControlId{1}, "x", {}, kNow).replaced);
  CHECK(registry.online() == 1);
  CHECK(registry.add(named("A"), ControlId{2}, "y", {}, kNow).replaced == ControlId{1});
  CHECK(registry.online() == 1);
  registry.setOffline(named("A"), ControlId{1});  // not its connection any more
  CHECK(registry.online() == 1);
  registry.setOffline(named("nobody"), ControlId{1});
  registry.setOffline(named("A"), ControlId{2});
  CHECK(registry.online() == 0);
  registry.setOffline(named("A"), ControlId{2});
  CHECK(registry.online() == 0);
  CHECK(registry.find(named("A")));
  CHECK(registry.list().empty());
  CHECK_FALSE(registry.add(named("C"), ControlId{3}, "", {}, kNow).full);
  CHECK_FALSE(registry.add(named("B"), ControlId{4}, "", {}, kNow).full);
  CHECK(registry.add(named("A"), ControlId{5}, "", {}, kNow).full);
  CHECK(registry.list().size() == 2);
  CHECK(registry.list()[0]->id.str() == "B");
}

TEST_CASE("the registry forgets the longest gone, and nobody else", "[relay][registry]") {
  ClientRegistry registry{100'000};
  std::uint64_t control = 0;
  const auto visit = [&](const std::string& name) {
    const ControlId id{++control};
    registry.add(named(name), id, "", {}, kNow);
    registry.setOffline(named(name), id);
  };
  visit("first");
  visit("returning");
  // One that comes and goes does not push out the others.
  for (std::size_t i = 0; i < 2 * ClientRegistry::kMaxOffline; ++i) visit("flapping");
  CHECK(registry.find(named("first")));
  CHECK(registry.find(named("returning")));
  visit("returning");
  registry.add(named("online"), ControlId{++control}, "", {}, kNow);
  for (std::size_t i = 0; i < ClientRegistry::kMaxOffline - 1; ++i) visit("n" + std::to_string(i));
  CHECK_FALSE(registry.find(named("first")));
  CHECK_FALSE(registry.find(named("flapping")));
  CHECK(registry.find(named("returning")));
  CHECK(registry.find(named("online")));
  CHECK(registry.find(named("n0")));
}

TEST_CASE("the registry keeps who has sessions, and forgets it later", "[relay][registry]") {
  ClientRegistry registry{100'000};
  std::uint64_t control = 0;
  const auto visit = [&](const std::string& name, std::size_t sessions) {
    const ControlId id{++control};
    registry.add(named(name), id, "", {}, kNow);
    registry.find(named(name))->sessions = sessions;
    registry.setOffline(named(name), id);
  };
  visit("busy", 1);
  for (std::size_t i = 0; i < ClientRegistry::kMaxOffline + 10; ++i) visit("n" + std::to_string(i), 0);
  REQUIRE(registry.find(named("busy")));
  registry.find(named("busy"))->sessions = 0;
  for (std::size_t i = 0; i < ClientRegistry::kMaxOffline + 10; ++i) visit("m" + std::to_string(i), 0);
  CHECK_FALSE(registry.find(named("busy")));
}

TEST_CASE("the session table", "[relay][session_table]") {
  test::SeededRandom random{1};
  SessionTable table{random};
  Session* one = table.add(named("A"), named("B"), keyOf(1), 80, wire::Transport::tcp, kStart);
  REQUIRE(one);
  CHECK(one->clientOf(Side::initiator).str() == "A");
  CHECK(one->clientOf(Side::target).str() == "B");
  CHECK(one->keyOf(Side::initiator) == keyOf(1));
  CHECK(table.add(named("C"), named("B"), keyOf(1), 80, wire::Transport::tcp, kStart) == nullptr);
  const DataKey target = one->keyOf(Side::target);
  const auto place = table.takeKey(target);
  REQUIRE(place);
  CHECK(place->session == one);
  CHECK(place->side == Side::target);
  CHECK_FALSE(table.takeKey(target));
  CHECK_FALSE(table.takeKey(keyOf(2)));
  const SessionId id = one->id;
  table.remove(id);
  table.remove(id);
  CHECK(table.find(id) == nullptr);
  CHECK_FALSE(table.takeKey(keyOf(1)));
  CHECK(table.size() == 0);
  Session* two = table.add(named("A"), named("B"), keyOf(1), 80, wire::Transport::tcp, kStart);
  REQUIRE(two);
  CHECK(two->id != id);  // never reused
}

TEST_CASE("a session that ends does not take a key that another one has now", "[relay][session_table]") {
  test::SeededRandom random{1};
  SessionTable table{random};
  const SessionId first = table.add(named("A"), named("B"), keyOf(1), 80, wire::Transport::tcp, kStart)->id;
  CHECK(table.takeKey(keyOf(1)));
  const Session* second = table.add(named("A"), named("B"), keyOf(1), 80, wire::Transport::tcp, kStart);
  REQUIRE(second);
  table.remove(first);
  const auto place = table.takeKey(keyOf(1));
  REQUIRE(place);
  CHECK(place->session == second);
}

TEST_CASE("the waiting room", "[relay][waiting_room]") {
  test::SeededRandom random{1};
  WaitingRoom room{2, 10s, random};
  CHECK_FALSE(room.add(keyOf(9), ChannelId{9}, kStart));
  CHECK_FALSE(room.add(keyOf(1), ChannelId{1}, kStart));
  CHECK(room.add(keyOf(1), ChannelId{2}, kStart) == ChannelId{2});       // the key waits already
  CHECK(room.add(keyOf(2), ChannelId{3}, kStart + 5s) == ChannelId{9});  // the oldest makes room
  CHECK(room.take(keyOf(1)) == ChannelId{1});
  CHECK_FALSE(room.take(keyOf(1)));
  // A key that comes back waits its own time, not the rest of the other's.
  CHECK_FALSE(room.add(keyOf(1), ChannelId{5}, kStart + 9s));
  CHECK_FALSE(room.takeExpired(kStart + 10s));
  CHECK(room.takeExpired(kStart + 15s) == ChannelId{3});
  CHECK_FALSE(room.takeExpired(kStart + 15s));
  CHECK(room.takeExpired(kStart + 19s) == ChannelId{5});
  CHECK(room.size() == 0);
}

TEST_CASE("the waiting room: channels that close leave, and are not kept", "[relay][waiting_room]") {
  test::SeededRandom random{1};
  WaitingRoom room{10, 10s, random};
  CHECK_FALSE(room.add(keyOf(1), ChannelId{1}, kStart));
  CHECK_FALSE(room.remove(keyOf(1), ChannelId{2}));
  CHECK_FALSE(room.remove(keyOf(2), ChannelId{1}));
  for (std::uint64_t id = 100; id < 1100; ++id) {  // while the first stays, so that the room is never empty
    CHECK_FALSE(room.add(keyOf(2), ChannelId{id}, kStart + 1s));
    CHECK(room.remove(keyOf(2), ChannelId{id}));
  }
  CHECK(room.size() == 1);
  CHECK(room.takeExpired(kStart + 10s) == ChannelId{1});
  CHECK_FALSE(room.takeExpired(kStart + 20s));
}
