// A stream that is left in silence: whom it asks, and when it gives its carrier up.
#include "stream/resumable_stream.hpp"
#include "stream/stream_talk.hpp"

using namespace chuantou;
using namespace chuantou::test;

namespace {
/// Ticks until the carrier is dead; what was said meanwhile, with the tick.
std::string silence(Talker& talker, int most, int& died) {
  std::string out;
  for (died = 1; died <= most; ++died) {
    if (!talker.stream.tick()) return out;
    const std::string said = talker.says();
    if (!said.empty()) out += std::to_string(died) + " " + said + "; ";
  }
  died = 0;
  return out;
}
}  // namespace

TEST_CASE("who is owed something asks after 3 s of silence and gives up after 10", "[stream][resumable][silence]") {
  Duo duo;
  int died = 0;
  SECTION("the answer") {
    duo.open();
    CHECK(silence(duo.a, 100, died) == "3 PING; ");
    CHECK(died == 10);
  }
  SECTION("RESUMED") {
    duo.openAndAnswer();
    duo.lose();
    duo.a.stream.attachResuming({});
    CHECK(silence(duo.a, 100, died) == "");
    CHECK(died == 10);
  }
  SECTION("ACK") {
    duo.openAndAnswer();
    duo.b.write("x");
    duo.b.out();
    CHECK(silence(duo.b, 100, died) == "3 PING; ");
    CHECK(died == 10);
  }
  SECTION("more, perhaps: something has come") {
    duo.openAndAnswer();
    duo.b.write("x");
    duo.bToA();
    duo.a.stream.wantAck();
    duo.a.out();
    duo.a.stream.tick();
    CHECK(silence(duo.a, 100, died) == "3 PING; ");
    CHECK(died == 10);
  }
  SECTION("the answer to a RESET") {
    duo.openAndAnswer();
    duo.a.stream.abort();
    duo.a.out();
    duo.a.stream.tick();
    CHECK(silence(duo.a, 100, died) == "");
    CHECK(died == 10);
  }
}

TEST_CASE("a carrier that answers lives for ever", "[stream][resumable][silence]") {
  Duo duo;
  duo.open();
  duo.b.takes = false;  // a service that is not there yet
  duo.a.write("x");
  duo.aToB();
  int pings = 0;
  for (int second = 0; second < 300; ++second) {
    REQUIRE(duo.a.stream.tick());
    REQUIRE(duo.b.stream.tick());
    if (duo.aToB() == "PING") ++pings;
    CHECK_THAT(duo.bToA(), Catch::Equals("PONG") || Catch::Equals(""));
  }
  CHECK(pings >= 70);
  CHECK(pings <= 100);
}

TEST_CASE("who waits for a slow program says that it is there, and does not suspect a carrier that nobody reads", "[stream][resumable][silence]") {
  Duo duo;
  duo.openAndAnswer();
  Talker& slow = GENERATE(true, false) ? duo.a : duo.b;
  Talker& other = &slow == &duo.a ? duo.b : duo.a;
  slow.takes = false;
  other.write("abc");
  CHECK(slow.hear(other.out()));
  slow.write("owed");
  slow.out();
  for (int second = 0; second < 100; ++second) {
    REQUIRE(slow.stream.tick());
    const auto sign = slow.out();
    REQUIRE(inWords(sign) == "ACK 0");
    REQUIRE(other.hear(sign));
    REQUIRE(other.stream.tick());
    REQUIRE(other.says() == "");
  }
  slow.stream.delivered(3);
  int died = 0;
  CHECK(silence(slow, 100, died) == "3 PING, ACK 3; ");
  CHECK(died == 10);
}

TEST_CASE("an idle carrier is asked every 30 s by the initiator, and by a target that was not", "[stream][resumable][silence]") {
  Duo duo;
  duo.openAndAnswer();
  duo.a.stream.tick();  // has heard the answer in the second before
  int died = 0;
  SECTION("initiator") {
    CHECK(silence(duo.a, 200, died) == "30 PING; ");
    CHECK(died == 40);
  }
  SECTION("target") {
    CHECK(silence(duo.b, 200, died) == "60 PING; ");
    CHECK(died == 70);
  }
  SECTION("both are there") {
    std::string said;
    for (int second = 1; second <= 300; ++second) {
      REQUIRE(duo.a.stream.tick());
      REQUIRE(duo.b.stream.tick());
      said += duo.aToB();
      CHECK(duo.bToA() != "PING");
    }
    CHECK(said.size() >= 8 * 4);
    CHECK(said.size() <= 10 * 4);
  }
}

TEST_CASE("a suspected carrier has 3 s", "[stream][resumable][silence]") {
  Duo duo;
  duo.openAndAnswer();
  duo.a.stream.suspect();
  CHECK(duo.aToB() == "PING");
  SECTION("and uses them") {
    CHECK(duo.a.stream.tick());
    CHECK(duo.a.stream.tick());
    CHECK(duo.bToA() == "PONG");
    for (int i = 0; i < 25; ++i) CHECK(duo.a.stream.tick());
  }
  SECTION("and does not") {
    int died = 0;
    CHECK(silence(duo.a, 100, died) == "");
    CHECK(died == 3);
  }
  SECTION("in a resumption too") {
    duo.lose();
    duo.a.stream.suspect();  // none
    duo.a.stream.attachResuming({});
    duo.a.stream.suspect();
    int died = 0;
    CHECK(silence(duo.a, 100, died) == "");
    CHECK(died == 3);
  }
}
