#include "daemon/table.hpp"

#include <catch2/catch.hpp>

#include "daemon/human_text.hpp"

using namespace chuantou::daemon;
using namespace std::chrono_literals;

TEST_CASE("durations read as people say them", "[daemon][text]") {
  CHECK(humanDuration(0ms) == "0.0 s");
  CHECK(humanDuration(-5ms) == "0.0 s");
  CHECK(humanDuration(849ms) == "0.8 s");
  CHECK(humanDuration(9'999ms) == "9.9 s");
  CHECK(humanDuration(12s) == "12 s");
  CHECK(humanDuration(3min + 12s) == "3 m 12 s");
  CHECK(humanDuration(5h + 4min) == "5 h 4 m");
  CHECK(humanDuration(51h) == "2 d 3 h");
}

TEST_CASE("round trips keep two or three digits", "[daemon][text]") {
  CHECK(humanRoundTrip(450us) == "0.45 ms");
  CHECK(humanRoundTrip(12'340us) == "12.3 ms");
  CHECK(humanRoundTrip(1'200'000us) == "1.2 s");
}

TEST_CASE("bytes have decimal units", "[daemon][text]") {
  CHECK(humanBytes(0) == "0 B");
  CHECK(humanBytes(999) == "999 B");
  CHECK(humanBytes(1200) == "1.2 kB");
  CHECK(humanBytes(34'000'000) == "34 MB");
  CHECK(humanBytes(999'600) == "1.0 MB");
  CHECK(humanBytes(1'234'567'890) == "1.2 GB");
  CHECK(humanBytes(UINT64_MAX) == "18 EB");
}

TEST_CASE("width counts columns, not bytes", "[daemon][text]") {
  CHECK(displayWidth("abc") == 3);
  CHECK(displayWidth("客户端") == 6);
  CHECK(displayWidth("é") == 1);
  CHECK(displayWidth("e\xcc\x81") == 1);  // e and a combining accent
  CHECK(displayWidth("（a）") == 5);
  CHECK(displayWidth("\xff\xe5") == 2);  // broken bytes, one column each
}

TEST_CASE("a table is aligned and its lines end without blanks", "[daemon][text]") {
  Table table{{{"NAME", Align::left}, {"BYTES", Align::right}, {"NOTE", Align::left}}};
  CHECK(table.empty());
  table.row({"a", "12"});
  table.row({"long name", "3", "x"});
  CHECK(table.render(false) ==
        "NAME       BYTES  NOTE\n"
        "a             12\n"
        "long name      3  x\n");
}

TEST_CASE("a table aligns Chinese with the rest", "[daemon][text]") {
  Table table{{{"客户端", Align::left}, {"流量", Align::right}}};
  table.row({"A", "1"});
  CHECK(table.render(false) ==
        "客户端  流量\n"
        "A          1\n");
}

TEST_CASE("an empty cell keeps its column, left or right", "[daemon][text]") {
  Table table{{{"A", Align::right}, {"BB", Align::right}, {"C", Align::left}}};
  table.row({"", "", "x"});
  table.row({"1", "", "y"});
  CHECK(table.render(false) ==
        "A  BB  C\n"
        "       x\n"
        "1      y\n");
}

TEST_CASE("what comes from afar cannot steer the terminal", "[daemon][text]") {
  Table table{{{"NAME", Align::left}}};
  table.row({"\x1b[2Jx\n"});
  CHECK(table.render(false) == "NAME\n?[2Jx?\n");
  CHECK(renderFields({{"a", "\x1b"}, {"name", "v"}}, false) == "a     ?\nname  v\n");
}

TEST_CASE("colour is in the titles only", "[daemon][text]") {
  Table table{{{"N", Align::left}}};
  table.row({"v"});
  CHECK(table.render(true) == "\x1b[1mN\x1b[0m\nv\n");
}
