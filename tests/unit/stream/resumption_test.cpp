// A stream that loses its carrier, or is moved.
#include "stream/resumable_stream.hpp"
#include "stream/stream_talk.hpp"

using namespace chuantou;
using namespace chuantou::test;
using stream::ChunkPool;
using stream::ResumableStream;
using stream::WindowTuner;
using wire::FrameType;
using Event = ResumableStream::Event;

namespace {

/// A conversation of both sides' ends, of whose bytes each direction brings only so many before the carrier dies.
struct Conversation {
  Duo duo;
  std::size_t sent[2] = {};  ///< by initiator and target, had the carrier lived
  const std::string question = std::string(300, 'q') + "?";
  const std::string answer = std::string(500, 'a') + "!";

  explicit Conversation(std::size_t upLimit, std::size_t downLimit) {
    duo.open();
    duo.a.write(question.substr(0, 100));
    std::size_t limits[2] = {upLimit, downLimit};
    bool accepted = false;
    for (int step = 0; step < 8; ++step) {
      for (const int side : {0, 1}) {
        Talker& from = side == 0 ? duo.a : duo.b;
        Talker& to = side == 0 ? duo.b : duo.a;
        const auto bytes = from.out();
        sent[side] += bytes.size();
        const std::size_t n = std::min(bytes.size(), limits[side]);
        limits[side] -= n;
        REQUIRE(to.hear(std::span{bytes}.first(n)));
      }
      if (step == 0) duo.a.write(question.substr(100));
      if (step == 1) duo.a.stream.finish();
      if (!accepted && !duo.b.got.empty()) {
        accepted = true;
        duo.b.stream.accept(false);
        duo.b.write(answer.substr(0, 200));
      }
      if (step == 3 && accepted) duo.b.write(answer.substr(200));
      if (step == 4 && accepted) duo.b.stream.finish();
    }
    duo.lose();
    duo.resume();
    if (!accepted) {
      duo.b.stream.accept(true);
      duo.b.write(answer);
    } else if (duo.b.stream.sent() < answer.size()) {
      duo.b.write(std::string_view{answer}.substr(duo.b.stream.sent()));
    }
    duo.b.stream.finish();
    duo.say();
  }
};

}  // namespace

TEST_CASE("a stream goes on from every byte at which its carrier can die", "[stream][resumable]") {
  const Conversation whole{kPlenty, kPlenty};
  REQUIRE(whole.sent[0] > 301 + 3 * wire::kFrameHeaderSize);
  REQUIRE(whole.sent[1] > 501 + 3 * wire::kFrameHeaderSize);
  std::uint64_t repeated = 0;
  const auto check = [&](std::size_t up, std::size_t down) {
    INFO(up << " bytes up, " << down << " down");
    Conversation talk{up, down};
    for (Talker* talker : {&talk.duo.a, &talk.duo.b}) {
      REQUIRE(talker->got == (talker == &talk.duo.a ? talk.answer : talk.question));
      REQUIRE(std::count(talker->events.begin(), talker->events.end(), Event::fin) == 1);
      REQUIRE(talker->stream.answered() == (talker == &talk.duo.a));
      REQUIRE(talker->stream.confirmed());
      REQUIRE(talker->stream.leavable());
      repeated += talker->stream.repeated();
    }
    REQUIRE(talk.duo.pools[0].held() + talk.duo.pools[1].held() == 0);
  };
  for (std::size_t up = 0; up <= whole.sent[0]; ++up) {
    for (const std::size_t down : {std::size_t{0}, std::size_t{3}, whole.sent[1] / 2, whole.sent[1]}) check(up, down);
  }
  for (std::size_t down = 0; down <= whole.sent[1]; ++down) {
    for (const std::size_t up : {std::size_t{105}, whole.sent[0] / 2, whole.sent[0]}) check(up, down);
  }
  CHECK(repeated > 0);
}

TEST_CASE("bytes that were read while there was no carrier come after those that are sent again", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  duo.a.write("lost ");
  duo.a.out();
  duo.lose();
  duo.a.write("and late");  // fresh, but not what comes first
  duo.resume();
  CHECK(duo.bToA() == "RESUMED 0 answered");
  CHECK(duo.aToB() == "DATA 13");
  CHECK(duo.b.got == "lost and late");
  CHECK(duo.a.stream.repeated() == 5);
}

TEST_CASE("an initiator that resumes says nothing until it is answered", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  duo.a.write("abc");
  duo.lose();
  CHECK(duo.a.says() == "");
  duo.a.stream.attachResuming({});
  duo.a.stream.abort();
  CHECK(duo.a.says() == "");
  CHECK_FALSE(duo.a.stream.hasMore());
  CHECK_FALSE(duo.a.stream.hasLazy());
  CHECK_FALSE(duo.a.stream.leavable());
  CHECK(duo.a.hears(wire::encodePosition(FrameType::resumed, 0)) == Event::resumed);
  CHECK(duo.a.says() == "RESET");
}

TEST_CASE("a stream whose OPEN got lost is opened by RESUME", "[stream][resumable]") {
  Duo duo;
  duo.a.stream.attach();
  duo.a.write("hello");
  duo.a.out();
  duo.a.stream.detach();
  duo.resume();  // a target that knows nothing of it
  CHECK(duo.bToA() == "RESUMED 0");
  CHECK_FALSE(duo.a.stream.answered());
  CHECK(duo.aToB() == "DATA 5");
  duo.b.stream.accept(true);
  CHECK(duo.bToA() == "ACCEPT, ACK 5");
  CHECK(duo.a.stream.answered());
}

TEST_CASE("positions of a resumption that cannot be", "[stream][resumable][hostile]") {
  Duo duo;
  duo.openAndAnswer();
  for (Talker* talker : {&duo.a, &duo.b}) {
    talker->write("12345");
    talker->out();
    CHECK(talker->hears(wire::encodePosition(FrameType::ack, 3)) == Event::room);
  }
  SECTION("of RESUMED") {
    duo.a.stream.detach();
    duo.a.stream.attachResuming({});
    for (const std::uint64_t position : {std::uint64_t{2}, std::uint64_t{6}, ~std::uint64_t{0}, std::uint64_t{0}}) {
      CHECK(duo.a.hears(wire::encodePosition(FrameType::resumed, position)) == Event::violation);
      CHECK(duo.a.says() == "");
    }
    CHECK(duo.a.hears(wire::encodePosition(FrameType::ack, 4)) == Event::violation);
    CHECK_FALSE(duo.a.stream.receive(1));
    CHECK(duo.a.hears(wire::encodePosition(FrameType::resumed, 3)) == Event::resumed);
    CHECK(duo.a.hears(wire::encodePosition(FrameType::resumed, 3)) == Event::violation);
    CHECK(duo.a.says() == "DATA 2");
  }
  SECTION("of an answer to what was not asked yet") {
    duo.a.stream.detach();
    duo.a.stream.attachResuming(wire::encodeResume({}, 0));
    CHECK(duo.a.hears(wire::encodePosition(FrameType::resumed, 3)) == Event::violation);
  }
  SECTION("of RESUME: the stream stays where it is") {
    for (const std::uint64_t position : {std::uint64_t{2}, std::uint64_t{6}, ~std::uint64_t{0}}) {
      CHECK_FALSE(duo.b.stream.attachResumed(position));
      CHECK(duo.b.stream.attached());
    }
    duo.b.write("6");
    CHECK(duo.b.says() == "DATA 1");
    CHECK(duo.b.stream.attachResumed(6));  // leaves its carrier by itself
    CHECK(duo.b.says() == "RESUMED 0 answered");
  }
  SECTION("ACK of what another carrier has carried, and this one not yet") {
    CHECK(duo.b.stream.attachResumed(3));
    CHECK(duo.b.hears(wire::encodePosition(FrameType::ack, 5)) == Event::violation);
    CHECK(duo.b.says() == "RESUMED 0 answered, DATA 2");
    CHECK(duo.b.hears(wire::encodePosition(FrameType::ack, 5)) == Event::room);
  }
}

TEST_CASE("each side's program may be slow: resumptions give no room that is not there", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  duo.b.takes = false;
  duo.a.write(std::string(WindowTuner::kLeast, 'x'));
  duo.aToB();
  for (int i = 0; i < 100; ++i) {
    duo.lose();
    duo.resume();
    duo.say();
    CHECK(duo.pools[0].held() == 0);  // it is all there
    CHECK_FALSE(duo.a.write("more"));
    CHECK(duo.b.stream.backlog() == WindowTuner::kLeast);
  }
  duo.lose();
  duo.b.stream.delivered(100000);
  duo.resume();
  CHECK(duo.bToA() == "RESUMED 262144 answered, ACK 100000");
  CHECK(duo.a.write("more"));
  CHECK(duo.aToB() == "DATA 4");
}

TEST_CASE("an ACK that was lost with its carrier comes again", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  duo.a.write(std::string(WindowTuner::kLeast, 'x'));
  duo.b.write(std::string(WindowTuner::kLeast, 'y'));
  duo.aToB();
  duo.bToA();
  CHECK(duo.a.says() == "ACK 262144");  // lost
  duo.lose();
  duo.resume();
  CHECK(duo.bToA() == "RESUMED 262144 answered, ACK 262144");
  CHECK(duo.aToB() == "ACK 262144");
  CHECK(duo.a.write("more"));
  CHECK(duo.b.write("more"));
}

TEST_CASE("WINDOW and ACK_EVERY hold for a carrier", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  duo.b.takes = false;
  CHECK(duo.b.stream.receive(600000));
  duo.b.stream.tick();
  CHECK(duo.b.says() == "WINDOW 262144, ACK 0");
  duo.b.stream.detach();
  CHECK(duo.b.stream.attachResumed(0));
  CHECK(duo.b.says() == "RESUMED 600000 answered, WINDOW 262144");
  CHECK(duo.a.hears(wire::encodeCount(FrameType::window, 10)) == Event::room);
  duo.a.stream.detach();
  duo.a.stream.attachResuming({});
  CHECK(duo.a.hears(wire::encodePosition(FrameType::resumed, 0)) == Event::resumed);
  CHECK(duo.a.stream.reserve().size() == ChunkPool::kChunk);
}

TEST_CASE("a RESET gets through, whatever is lost", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  Talker& who = GENERATE(true, false) ? duo.a : duo.b;
  Talker& other = &who == &duo.a ? duo.b : duo.a;
  SECTION("the RESET") {
    who.stream.abort();
    CHECK(who.says() == "RESET");
  }
  SECTION("it was not sent yet, and its FIN was lost") {
    who.write("abc");
    who.stream.finish();
    other.stream.finish();
    CHECK(who.hear(other.out()));
    who.stream.next();
    who.stream.next();
    duo.lose();
    who.stream.abort();
  }
  SECTION("the answer") {
    who.stream.abort();
    CHECK(other.hear(who.out()));
    CHECK(other.says() == "RESET");
  }
  SECTION("before the answer") {
    who.stream.abort();
    CHECK(other.hear(who.out()));
  }
  CHECK_FALSE(who.stream.confirmed());
  duo.lose();
  duo.resume();
  duo.say();
  CHECK(other.stream.resetReceived());
  CHECK(who.stream.confirmed());
  CHECK(who.stream.leavable());
  CHECK(other.stream.leavable());
}

TEST_CASE("a target that gives up before its answer gives it once", "[stream][resumable]") {
  Duo duo;
  duo.open();
  duo.b.stream.abort();
  CHECK(duo.b.says() == "ACCEPT, RESET");
  CHECK(duo.a.hears(wire::encodeAccept()) == Event::answered);  // and the RESET is lost
  duo.lose();
  duo.resume();
  CHECK(duo.bToA() == "RESUMED 0 answered, RESET");
  CHECK(duo.aToB() == "RESET");
  CHECK(duo.a.stream.leavable());
  CHECK(duo.b.stream.leavable());
}

TEST_CASE("ends that were lost are confirmed by a resumption alone", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  duo.a.stream.finish();
  duo.b.stream.finish();
  const auto fin = duo.a.out();
  CHECK(duo.a.hear(duo.b.out()));
  CHECK(duo.b.hear(fin));
  CHECK(duo.a.says() == "ACK 1");
  CHECK(duo.b.says() == "ACK 1");
  duo.lose();
  CHECK_FALSE(duo.a.stream.confirmed());
  CHECK(duo.b.stream.attachResumed(duo.a.stream.position()));
  CHECK(duo.b.stream.confirmed());
  CHECK_FALSE(duo.b.stream.leavable());
  duo.a.stream.attachResuming({});
  CHECK(duo.bToA() == "RESUMED 1 answered");
  for (Talker* talker : {&duo.a, &duo.b}) {
    CHECK(talker->stream.leavable());
    CHECK(talker->stream.confirmed());
    CHECK(talker->says() == "");
  }
}

// ---------------------------------------------------------------------- a planned switch

TEST_CASE("a switch ends one carrier and goes on on the next, with nothing sent twice", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  duo.a.write("on the first ");
  duo.b.write("eins ");
  duo.aToB();
  Talker& who = GENERATE(true, false) ? duo.a : duo.b;
  Talker& other = &who == &duo.a ? duo.b : duo.a;
  const std::size_t held = other.got.size();
  who.write("not yet sent");
  who.stream.switchOver();
  CHECK(who.stream.switchOwed());
  const auto first = who.stream.next();
  const std::string words = inWords(first);
  CHECK(words.substr(words.size() - 6) == "SWITCH");
  CHECK(words.find("DATA") == std::string::npos);
  CHECK_FALSE(who.stream.switchOwed());
  CHECK(other.hear(first));
  CHECK(other.events.back() == Event::switched);
  CHECK(other.got.size() == held);
  // The same calls, and the driver writes to the new one.
  CHECK(other.hear(who.out()));
  CHECK(other.got.ends_with("not yet sent"));
  CHECK(duo.a.stream.repeated() + duo.b.stream.repeated() == 0);
  duo.say();
  CHECK(duo.pools[0].held() + duo.pools[1].held() == 0);
}

TEST_CASE("SWITCH comes before the ends that are owed, or after the last word", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  SECTION("FIN") {
    duo.a.stream.finish();
    duo.a.stream.switchOver();
    CHECK(inWords(duo.a.stream.next()) == "SWITCH");
    CHECK(inWords(duo.a.stream.next()) == "FIN");
  }
  SECTION("RESET") {
    duo.a.stream.abort();
    duo.a.stream.switchOver();
    CHECK(inWords(duo.a.stream.next()) == "SWITCH");
    CHECK(inWords(duo.a.stream.next()) == "RESET");
  }
  SECTION("after RESET") {
    duo.a.stream.abort();
    CHECK(duo.a.says() == "RESET");
    duo.a.hears(wire::encodePing(FrameType::ping, std::array<std::uint8_t, 8>{}));
    duo.a.stream.switchOver();
    CHECK_FALSE(duo.a.stream.leavable());
    CHECK(duo.a.says() == "SWITCH");
    CHECK(duo.b.hears(wire::encodeBare(FrameType::reset)) == Event::reset);
    CHECK(duo.b.hears(wire::encodeBare(FrameType::switchOver)) == Event::switched);
  }
  SECTION("a carrier that dies takes it along") {
    duo.a.stream.switchOver();
    duo.lose();
    CHECK_FALSE(duo.a.stream.switchOwed());
  }
}
