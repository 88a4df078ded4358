#include "stream/flow_table.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace std::chrono_literals;
using stream::FlowTable;

namespace {

constexpr TimePoint kStart{1000h};

std::vector<std::string> takeAll(FlowTable<std::string, int>& table, TimePoint now) {
  std::vector<std::string> out;
  while (auto idle = table.takeIdle(now)) out.push_back(idle->first);
  return out;
}

}  // namespace

TEST_CASE("flows are found by their key", "[stream][flow_table]") {
  FlowTable<std::string, int> table{3, 60s};
  CHECK(table.size() == 0);
  CHECK(table.find("a") == nullptr);
  CHECK(table.touch("a", kStart) == nullptr);
  int* a = table.add("a", 1, kStart);
  REQUIRE(a != nullptr);
  CHECK(*a == 1);
  CHECK(table.add("a", 2, kStart) == nullptr);  // it is there
  CHECK(table.find("a") == a);
  CHECK(table.touch("a", kStart) == a);
  CHECK(*a == 1);
  CHECK(table.remove("a"));
  CHECK_FALSE(table.remove("a"));
  CHECK(table.size() == 0);
}

TEST_CASE("a full table takes no more until one leaves", "[stream][flow_table]") {
  FlowTable<std::string, int> table{2, 60s};
  CHECK(table.add("a", 1, kStart));
  CHECK(table.add("b", 2, kStart));
  CHECK(table.add("c", 3, kStart) == nullptr);
  CHECK(table.find("c") == nullptr);
  CHECK(table.remove("a"));
  CHECK(table.add("c", 3, kStart));
  FlowTable<std::string, int> none{0, 60s};
  CHECK(none.add("a", 1, kStart) == nullptr);
}

TEST_CASE("flows leave after their idle time, the longest idle first", "[stream][flow_table]") {
  FlowTable<std::string, int> table{10, 60s};
  CHECK_FALSE(table.nextExpiry());
  table.add("a", 1, kStart);
  table.add("b", 2, kStart + 10s);
  table.add("c", 3, kStart + 20s);
  CHECK(table.nextExpiry() == kStart + 60s);
  CHECK(takeAll(table, kStart + 60s - 1ns).empty());
  table.touch("a", kStart + 30s);
  CHECK(table.nextExpiry() == kStart + 70s);
  CHECK(*table.find("b") == 2);  // looking is not using
  CHECK(takeAll(table, kStart + 70s) == std::vector<std::string>{"b"});
  CHECK(takeAll(table, kStart + 1h) == std::vector<std::string>{"c", "a"});
  CHECK_FALSE(table.nextExpiry());
  CHECK(table.size() == 0);
}

TEST_CASE("pointers to flows stay valid while others come and go", "[stream][flow_table]") {
  FlowTable<int, int> table{2000, 60s};
  int* first = table.add(-1, 42, kStart);
  for (int i = 0; i < 1000; ++i) table.add(i, i, kStart);
  for (int i = 0; i < 1000; i += 2) table.remove(i);
  CHECK(table.find(-1) == first);
  CHECK(*first == 42);
}

TEST_CASE("flows that can only be moved, visits and clearing", "[stream][flow_table]") {
  FlowTable<int, std::unique_ptr<int>> table{4, 60s};
  table.add(1, std::make_unique<int>(10), kStart);
  table.add(2, std::make_unique<int>(20), kStart);
  table.touch(1, kStart);
  std::vector<int> seen;
  table.forEach([&](int key, const std::unique_ptr<int>& flow) { seen.push_back(key * 100 + *flow); });
  CHECK(seen == std::vector<int>{220, 110});
  auto idle = table.takeIdle(kStart + 60s);
  REQUIRE(idle);
  CHECK(*idle->second == 20);
  table.clear();
  CHECK(table.size() == 0);
  CHECK_FALSE(table.takeIdle(kStart + 1h));
}

TEST_CASE("the flow table against a simple model of it", "[stream][flow_table][model]") {
  test::SeededRandom random{test::testSeed("flow table")};
  constexpr std::size_t kLimit = 20;
  struct Flow {
    int value;
    TimePoint usedAt;
  };
  FlowTable<int, int> table{kLimit, 60s};
  std::map<int, Flow> model;
  TimePoint now = kStart;
  for (int step = 0; step < 100'000; ++step) {
    now += Millis{random.below(4000)};
    const int key = static_cast<int>(random.below(40));
    const auto it = model.find(key);
    INFO("step " << step << ", key " << key);
    switch (random.below(5)) {
      case 0: {
        const int* added = table.add(key, step, now);
        const bool expected = it == model.end() && model.size() < kLimit;
        if ((added != nullptr) != expected) FAIL("add");
        if (expected) model[key] = Flow{step, now};
        break;
      }
      case 1: {
        const int* touched = table.touch(key, now);
        if ((touched != nullptr) != (it != model.end()) || (touched && *touched != it->second.value)) FAIL("touch");
        if (touched) it->second.usedAt = now;
        break;
      }
      case 2: {
        const int* found = table.find(key);
        if ((found != nullptr) != (it != model.end()) || (found && *found != it->second.value)) FAIL("find");
        break;
      }
      case 3:
        if (table.remove(key) != (it != model.end())) FAIL("remove");
        model.erase(key);
        break;
      default: {
        TimePoint last{};
        while (auto idle = table.takeIdle(now)) {
          const auto taken = model.find(idle->first);
          if (taken == model.end() || taken->second.value != idle->second) FAIL("an unknown flow was idle");
          if (taken->second.usedAt + 60s > now || taken->second.usedAt < last) FAIL("too early, or out of order");
          last = taken->second.usedAt;
          model.erase(taken);
        }
        for (const auto& [other, flow] : model) {
          if (flow.usedAt + 60s <= now) FAIL("flow " << other << " was forgotten");
        }
      }
    }
    if (table.size() != model.size()) FAIL("size");
    std::optional<TimePoint> next;
    for (const auto& [other, flow] : model) {
      if (!next || flow.usedAt + 60s < *next) next = flow.usedAt + 60s;
    }
    if (table.nextExpiry() != next) FAIL("next expiry");
  }
}
