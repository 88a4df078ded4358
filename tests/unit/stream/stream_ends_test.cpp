// How a stream on one carrier ends: one side, both, in peace and not.
#include "stream/resumable_stream.hpp"

#include "stream/stream_talk.hpp"

using namespace chuantou;
using namespace chuantou::test;
using stream::ResumableStream;
using wire::FrameType;
using Event = ResumableStream::Event;

TEST_CASE("one side ends, then the other", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  const bool initiatorFirst = GENERATE(true, false);
  Talker& first = initiatorFirst ? duo.a : duo.b;
  Talker& second = initiatorFirst ? duo.b : duo.a;
  CHECK(first.write("last words"));
  first.stream.finish();
  CHECK(first.stream.reserve().empty());
  CHECK(second.hear(first.out()));
  CHECK(second.got == "last words");
  CHECK(second.events.back() == Event::fin);
  CHECK(second.stream.finReceived());
  CHECK(second.stream.position() == 11);
  CHECK_FALSE(first.stream.confirmed());

  // The other direction goes on, and acknowledges in passing.
  CHECK_FALSE(second.stream.leavable());
  CHECK(second.write("more"));
  const auto more = second.out();
  CHECK(inWords(more) == "ACK 11, DATA 4");
  CHECK(first.hear(more));
  CHECK(first.stream.confirmed());
  CHECK_FALSE(first.stream.leavable());

  second.stream.finish();
  const auto fin = second.out();
  CHECK(inWords(fin) == "FIN");
  CHECK(second.stream.leavable());
  CHECK_FALSE(second.stream.confirmed());
  CHECK(first.hear(fin));
  CHECK(first.stream.ackDue());  // the last word must not wait
  CHECK_FALSE(first.stream.leavable());
  const auto last = first.out();
  CHECK(inWords(last) == "ACK 5");
  CHECK(first.stream.leavable());
  CHECK(second.hear(last));
  CHECK(second.stream.confirmed());
  for (Talker* talker : {&first, &second}) {
    CHECK_FALSE(talker->stream.hasLazy());
    CHECK_FALSE(talker->stream.ackDue());
    talker->stream.wantAck();
    talker->stream.abort();  // too late to say
    CHECK(talker->says() == "");
    CHECK(talker->stream.leavable());
    CHECK(talker->stream.confirmed());
  }
}

TEST_CASE("both sides end at once", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  duo.a.stream.finish();
  duo.b.stream.finish();
  const auto fromA = duo.a.out();
  const auto fromB = duo.b.out();
  CHECK(duo.a.hear(fromB));
  CHECK(duo.b.hear(fromA));
  CHECK_FALSE(duo.a.stream.leavable());
  CHECK(duo.aToB() == "ACK 1");
  CHECK(duo.a.stream.leavable());
  CHECK_FALSE(duo.a.stream.confirmed());
  CHECK(duo.b.stream.confirmed());
  CHECK(duo.bToA() == "ACK 1");
  CHECK(duo.a.stream.confirmed());
}

TEST_CASE("FIN acknowledges what the program has not taken yet", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  duo.b.takes = false;
  duo.a.write("abc");
  duo.a.stream.finish();
  duo.say();
  CHECK(duo.a.stream.confirmed());
  CHECK(duo.pools[0].held() == 0);
  CHECK(duo.b.stream.backlog() == 3);
}

TEST_CASE("a reset is answered unless the last word has been said", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  const bool byInitiator = GENERATE(true, false);
  Talker& who = byInitiator ? duo.a : duo.b;
  Talker& other = byInitiator ? duo.b : duo.a;
  SECTION("in the middle") {
    who.write("never sent");
    who.stream.abort();
    who.stream.abort();
    who.stream.finish();
    CHECK(who.stream.reserve().empty());
    const auto reset = who.out();
    CHECK(inWords(reset) == "RESET");
    CHECK_FALSE(who.stream.leavable());
    CHECK_FALSE(who.stream.confirmed());
    // What is under way to it is nobody's.
    other.write(std::string(100000, 'x'));
    CHECK(who.hear(other.out()));
    CHECK(who.stream.backlog() == 0);
    CHECK_FALSE(who.stream.ackDue());
    CHECK_FALSE(who.stream.hasLazy());
    CHECK(who.hears(wire::encodePing(FrameType::ping, std::array<std::uint8_t, 8>{})) == Event::none);
    CHECK(who.says() == "");
    CHECK(other.hear(reset));
    CHECK(other.events.back() == Event::reset);
    CHECK(other.stream.confirmed());
    CHECK_FALSE(other.stream.leavable());
    const auto answer = other.out();
    CHECK(inWords(answer) == "RESET");
    CHECK(other.stream.leavable());
    CHECK(who.hear(answer));
    CHECK(who.stream.leavable());
    CHECK(who.stream.confirmed());
    CHECK(other.hears(wire::encodeBare(FrameType::reset)) == Event::violation);
  }
  SECTION("after its FIN") {
    who.stream.finish();
    duo.say();
    who.stream.abort();
    CHECK(who.says() == "RESET");
    CHECK(other.hears(wire::encodeBare(FrameType::reset)) == Event::reset);
    CHECK(other.says() == "RESET");
    CHECK(other.stream.leavable());
  }
  SECTION("after the other one's FIN, whose ACKs are still to be told from the next stream's") {
    other.stream.finish();
    CHECK(who.hear(other.out()));
    who.stream.abort();
    CHECK(who.says() == "RESET");
    CHECK(who.stream.leavable());
    CHECK_FALSE(who.stream.confirmed());
    CHECK(other.hears(wire::encodeBare(FrameType::reset)) == Event::reset);
    CHECK(other.says() == "RESET");
    CHECK(who.hears(wire::encodeBare(FrameType::reset)) == Event::reset);
    CHECK(who.stream.confirmed());
  }
  SECTION("after both FINs, before it knows of the second") {
    who.stream.finish();
    other.stream.finish();
    const auto fin = other.out();
    CHECK(other.hear(who.out()));
    const auto last = other.out();
    CHECK(inWords(last) == "ACK 1");
    CHECK(other.stream.leavable());
    who.stream.abort();
    const auto reset = who.out();
    CHECK(inWords(reset) == "RESET");
    CHECK(other.hear(reset));
    CHECK(other.says() == "");
    CHECK(other.stream.leavable());
    CHECK(other.stream.confirmed());
    CHECK(who.hear(fin));
    CHECK(who.stream.leavable());
    CHECK_FALSE(who.stream.confirmed());
    CHECK(who.hear(last));
    CHECK(who.stream.confirmed());
  }
  SECTION("by both at once") {
    who.stream.abort();
    other.stream.abort();
    const auto one = who.out();
    const auto two = other.out();
    CHECK(who.hear(two));
    CHECK(other.hear(one));
    CHECK(who.says() == "");
    CHECK(other.says() == "");
    CHECK(who.stream.leavable());
    CHECK(other.stream.leavable());
  }
  SECTION("instead of the ACK of a FIN") {
    who.stream.finish();
    CHECK(other.hear(who.out()));
    other.stream.finish();
    const auto last = other.out();
    CHECK(inWords(last) == "ACK 1, FIN");
    CHECK(who.hear(last));
    who.stream.abort();
    const auto reset = who.out();
    CHECK(inWords(reset) == "RESET");
    CHECK(who.stream.leavable());
    CHECK(who.stream.confirmed());
    CHECK(other.hear(reset));
    CHECK(other.says() == "");
    CHECK(other.stream.leavable());
    CHECK(other.stream.confirmed());
  }
}
