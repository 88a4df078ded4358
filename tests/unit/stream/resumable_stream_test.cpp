// A stream on one carrier: its beginning, its bytes, and what a peer may not do. Its ends: stream_ends_test.cpp.
#include "stream/resumable_stream.hpp"

#include "stream/stream_talk.hpp"

using namespace chuantou;
using namespace chuantou::test;
using stream::ChunkPool;
using stream::ResumableStream;
using stream::WindowTuner;
using wire::FrameType;
using Event = ResumableStream::Event;

// --------------------------------------------------------------------- the beginning

TEST_CASE("the answer waits for the service's first bytes, or does not", "[stream][resumable]") {
  Duo duo;
  duo.open();
  CHECK(duo.a.write("GET /"));
  CHECK(duo.aToB() == "DATA 5");
  CHECK(duo.b.got == "GET /");
  CHECK(duo.bToA() == "");
  SECTION("with bytes, in one piece") {
    duo.b.stream.accept(false);
    CHECK(duo.b.stream.next().empty());
    CHECK(duo.b.stream.hasLazy());
    CHECK(duo.b.write("200"));
    const auto piece = duo.b.stream.next();
    CHECK(inWords(piece) == "ACCEPT, ACK 5, DATA 3");
    CHECK(duo.b.stream.next().empty());
  }
  SECTION("at once") {
    duo.b.stream.accept(true);
    CHECK(duo.b.says() == "ACCEPT, ACK 5");
  }
  SECTION("with an acknowledgement, which may not come before it") {
    CHECK(duo.a.write(std::string(64 * 1024, 'x')));
    duo.aToB();
    CHECK(duo.b.says() == "");
    CHECK_FALSE(duo.b.stream.ackDue());
    duo.b.stream.accept(false);
    CHECK(duo.b.stream.ackDue());
    CHECK(duo.b.says() == "ACCEPT, ACK 65541");
  }
  SECTION("a PING is answered before") {
    const std::array<std::uint8_t, 8> eight{1, 2, 3, 4, 5, 6, 7, 8};
    CHECK(duo.b.hears(wire::encodePing(FrameType::ping, eight)) == Event::none);
    CHECK(duo.b.says() == "PONG");
    CHECK(duo.b.hears(wire::encodePing(FrameType::ping, eight)) == Event::none);
    duo.b.stream.accept(false);
    CHECK(duo.b.says() == "ACCEPT, PONG, ACK 5");
  }
  SECTION("after a while") {
    duo.b.stream.accept(false);
    duo.b.stream.wantAck();
    CHECK(duo.b.says() == "ACCEPT, ACK 5");
    CHECK_FALSE(duo.b.stream.hasLazy());
  }
  SECTION("with the end") {
    duo.b.stream.accept(false);
    duo.b.stream.finish();
    CHECK(duo.b.says() == "ACCEPT, ACK 5, FIN");
  }
  SECTION("with a reset") {
    duo.b.stream.accept(false);
    duo.b.stream.abort();
    CHECK(duo.b.says() == "ACCEPT, RESET");
  }
}

TEST_CASE("OPEN leaves with the first bytes, or alone", "[stream][resumable]") {
  ChunkPool pool{kPlenty};
  Talker a{Talker::Role::initiator, pool};
  const auto open = wire::encodeOpen({80, std::string(255, 'h'), {}, 60}, 0);
  a.stream.attachOpening(open);
  CHECK(a.stream.awaitsAnswer());
  SECTION("with bytes") {
    CHECK(a.write("GET /"));
    CHECK(inWords(a.stream.next()) == "OPEN, DATA 5");
  }
  SECTION("alone") { CHECK(a.out() == open); }
  SECTION("with the end of it all") {
    a.stream.finish();
    CHECK(inWords(a.stream.next()) == "OPEN, FIN");
  }
  SECTION("with a reset") {
    a.stream.abort();
    CHECK(inWords(a.stream.next()) == "OPEN, RESET");
  }
  SECTION("not, since the carrier has died before") {
    CHECK(a.write("GET /"));
    a.stream.detach();
    CHECK(a.says() == "");
    a.stream.attachResuming(wire::encodeResume({{80, "", {}, 60}, a.stream.position(), 1}, 0));
    CHECK(a.stream.awaitsAnswer());
    CHECK(a.says() == "RESUME");
    CHECK(a.hears(wire::encodePosition(FrameType::resumed, 0)) == Event::resumed);
    CHECK(a.stream.awaitsAnswer());
    CHECK(a.says() == "DATA 5");
  }
  CHECK(a.says() == "");
}

TEST_CASE("an answer makes the initiator listen", "[stream][resumable]") {
  Duo duo;
  duo.open();
  CHECK_FALSE(duo.a.stream.answered());
  CHECK(duo.a.hears(wire::encodeAccept()) == Event::answered);
  CHECK(duo.a.stream.answered());
  CHECK(duo.a.hears(wire::encodeAccept()) == Event::violation);
  CHECK(duo.b.hears(wire::encodeAccept()) == Event::violation);
}

// ------------------------------------------------------------------------- bytes

TEST_CASE("what was read goes out from where it was read", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  for (const std::size_t size : {std::size_t{1}, std::size_t{5000}, std::size_t{20000}, ChunkPool::kChunk}) {
    const auto room = duo.a.stream.reserve();
    REQUIRE(room.size() >= size);
    std::fill_n(room.begin(), size, 'x');
    duo.a.stream.commit(size);
    CHECK(duo.a.stream.hasMore());
    const auto piece = duo.a.stream.next();
    CHECK(piece.data() == room.data() - wire::kFrameHeaderSize);
    CHECK(piece.size() == size + wire::kFrameHeaderSize);
    CHECK_FALSE(duo.a.stream.hasMore());
    CHECK(duo.b.hear(piece));
    duo.say();
  }
  CHECK(duo.b.got == std::string(1 + 5000 + 20000 + ChunkPool::kChunk, 'x'));
}

TEST_CASE("streams share the spare chunk, and never each other's bytes", "[stream][resumable]") {
  Duo one;
  one.openAndAnswer();
  Talker other{Talker::Role::initiator, one.pools[0]};
  other.stream.attach();
  CHECK(one.a.write("mine"));  // its line is congested: next() is not called
  CHECK(other.write("THEIRS"));
  CHECK(one.aToB() == "DATA 4");
  CHECK(one.b.got == "mine");
  CHECK(one.a.write(std::string(20000, 'm')));
  CHECK(other.write(std::string(20000, 'T')));
  CHECK(one.aToB() == "DATA 20000");
  CHECK(one.b.got == "mine" + std::string(20000, 'm'));
}

TEST_CASE("many small writes go out in one frame", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  std::string all;
  for (int i = 0; i < 3000; ++i) {
    const std::string line = std::to_string(i) + "\n";
    REQUIRE(duo.a.write(line));
    all += line;
  }
  CHECK(duo.aToB() == "DATA " + std::to_string(all.size()));
  CHECK(duo.b.got == all);
}

TEST_CASE("acknowledgements come when enough has come, with company, or when asked for", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  Talker& b = duo.b;
  duo.a.write(std::string(64 * 1024 - 1, 'x'));
  duo.aToB();
  CHECK_FALSE(b.stream.ackDue());
  CHECK(b.stream.hasLazy());
  CHECK(b.says() == "");
  duo.a.write("x");
  duo.aToB();
  CHECK(b.stream.ackDue());
  CHECK(duo.bToA() == "ACK 65536");
  CHECK(duo.a.events.back() == Event::room);
  CHECK_FALSE(b.stream.hasLazy());
  duo.a.write("x");
  duo.aToB();
  b.write("y");
  CHECK(duo.bToA() == "ACK 65537, DATA 1");
  duo.a.write("x");
  duo.aToB();
  b.stream.wantAck();
  CHECK(duo.bToA() == "ACK 65538");
  // As often as it was asked for, within reason.
  for (const auto& [asked, done] : {std::pair{0u, 16u * 1024}, {100000u, 100000u}, {0xffffffffu, 1024u * 1024}}) {
    CHECK(b.hears(wire::encodeCount(FrameType::ackEvery, asked)) == Event::none);
    for (std::uint32_t sent = 0; sent + 1 < done;) {
      const std::uint32_t n = std::min(done - 1 - sent, 200u * 1024);
      REQUIRE(duo.a.write(std::string(n, 'x')));
      duo.aToB();
      sent += n;
      if (done > 200 * 1024) duo.a.hears(wire::encodePosition(FrameType::ack, b.stream.received()));  // makes room; b does not know
    }
    CHECK_FALSE(b.stream.ackDue());
    REQUIRE(duo.a.write("x"));
    duo.aToB();
    CHECK(b.stream.ackDue());
    duo.say();
  }
}

TEST_CASE("a program that reads slowly holds the sender back", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  duo.b.takes = false;
  const std::string much(WindowTuner::kLeast, 'x');
  CHECK(duo.a.write(much));
  CHECK(duo.a.stream.reserve().empty());
  duo.say();
  CHECK(duo.a.stream.reserve().empty());
  CHECK(duo.b.stream.backlog() == WindowTuner::kLeast);
  CHECK(duo.a.stream.unacked() == WindowTuner::kLeast);
  // Room for less than is worth a read is none.
  duo.b.stream.delivered(1000);
  duo.say();
  CHECK(duo.a.stream.reserve().empty());
  duo.b.stream.delivered(31 * 1024 + 768);
  duo.say();
  CHECK(duo.a.stream.reserve().size() == 1000 + 31 * 1024 + 768);
  duo.b.stream.delivered(kPlenty);  // not more than there is
  CHECK(duo.b.stream.backlog() == 0);
  duo.say();
  CHECK(duo.a.stream.reserve().size() == ChunkPool::kChunk);
}

TEST_CASE("a long backlog asks for a smaller window, and none for the whole", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  duo.b.takes = false;
  CHECK(duo.b.stream.receive(512 * 1024));
  duo.b.stream.tick();
  CHECK(duo.b.says() == "ACK 0");  // of nothing new: a life sign
  CHECK(duo.b.stream.receive(1));
  duo.b.stream.tick();
  CHECK(duo.bToA() == "WINDOW 262144, ACK 0");
  duo.b.stream.delivered(512 * 1024);
  duo.b.stream.tick();
  CHECK(duo.b.says() == "ACK 524288");
  duo.b.stream.delivered(1);
  duo.b.stream.tick();
  duo.b.stream.wantAck();
  CHECK(duo.b.says() == "WINDOW 16777216, ACK 524289");
}

TEST_CASE("the other side's window is kept to, be it nothing", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  for (const std::uint32_t window : {0u, 1u, 1000u, 100000u}) {
    CHECK(duo.a.hears(wire::encodeCount(FrameType::window, window)) == Event::room);
    CHECK(duo.a.stream.reserve().size() == window);
  }
  CHECK(duo.a.hears(wire::encodeCount(FrameType::window, 0xffffffff)) == Event::room);
  CHECK(duo.a.stream.reserve().size() == ChunkPool::kChunk);
  // One that shrinks below what is under way.
  CHECK(duo.a.write(std::string(200000, 'x')));
  CHECK(duo.a.hears(wire::encodeCount(FrameType::window, 1000)) == Event::room);
  CHECK(duo.a.stream.reserve().empty());
  duo.say();
  CHECK(duo.a.stream.reserve().size() == 1000);
}

TEST_CASE("when memory is short each stream keeps to the least", "[stream][resumable]") {
  ChunkPool pool{100 * 1024};
  Talker one{Talker::Role::initiator, pool};
  Talker two{Talker::Role::initiator, pool};
  for (Talker* talker : {&one, &two}) {
    CHECK_FALSE(talker->write(std::string(10 << 20, 'x')));
    CHECK(talker->stream.sent() <= WindowTuner::kLeast);
  }
  CHECK(pool.held() <= 2 * (WindowTuner::kLeast + ChunkPool::kChunk));
}

TEST_CASE("a stream where nothing is under way holds no memory", "[stream][resumable]") {
  Duo duo;
  duo.openAndAnswer();
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{200000}}) {
    CHECK(duo.a.write(std::string(size, 'x')));
    CHECK(duo.b.write(std::string(size, 'y')));
    CHECK(duo.pools[0].held() >= size);
    CHECK(duo.pools[1].held() >= size);
    duo.say();
    CHECK(duo.pools[0].held() == 0);
    CHECK(duo.pools[1].held() == 0);
    CHECK(duo.a.stream.unacked() == 0);
  }
  CHECK(duo.a.write("x"));
  duo.a.stream.abort();
  CHECK(duo.pools[0].held() == 0);
}

// ----------------------------------------------------------------- what a peer may not do

TEST_CASE("frames that end a carrier", "[stream][resumable][hostile]") {
  Duo duo;
  duo.openAndAnswer();
  Talker& who = GENERATE(true, false) ? duo.a : duo.b;
  who.write("abc");
  SECTION("at any time") {
    for (const FrameType type : {FrameType::open, FrameType::reject, FrameType::seal, FrameType::resume, FrameType::resumed, FrameType::data}) {
      CHECK(who.stream.handle(who.now, {type, 0, 0}, std::array<std::uint8_t, 16>{}) == Event::violation);
    }
  }
  SECTION("ACK of what was never sent") {
    CHECK(who.hears(wire::encodePosition(FrameType::ack, 1)) == Event::violation);
    CHECK(who.says() == "DATA 3");
    CHECK(who.hears(wire::encodePosition(FrameType::ack, 4)) == Event::violation);
    CHECK(who.hears(wire::encodePosition(FrameType::ack, ~std::uint64_t{0})) == Event::violation);
    CHECK(who.hears(wire::encodePosition(FrameType::ack, 2)) == Event::room);
    CHECK(who.hears(wire::encodePosition(FrameType::ack, 1)) == Event::none);
    who.stream.finish();
    CHECK(who.hears(wire::encodePosition(FrameType::ack, 4)) == Event::violation);
    CHECK(who.says() == "FIN");
    CHECK(who.hears(wire::encodePosition(FrameType::ack, 5)) == Event::violation);
    CHECK(who.hears(wire::encodePosition(FrameType::ack, 4)) == Event::room);
  }
  SECTION("anything after FIN that is the stream's") {
    CHECK(who.hears(wire::encodeBare(FrameType::fin)) == Event::fin);
    CHECK(who.hears(wire::encodeBare(FrameType::fin)) == Event::violation);
    CHECK_FALSE(who.stream.receive(1));
    CHECK(who.stream.received() == 0);
    CHECK(who.hears(wire::encodeBare(FrameType::reset)) == Event::reset);
  }
  SECTION("anything after RESET") {
    CHECK(who.hears(wire::encodeBare(FrameType::reset)) == Event::reset);
    for (const FrameType type : {FrameType::ack, FrameType::fin, FrameType::reset, FrameType::ping, FrameType::pong,
                                 FrameType::window, FrameType::ackEvery, FrameType::accept}) {
      CHECK(who.stream.handle(who.now, {type, 0, 0}, std::array<std::uint8_t, 16>{}) == Event::violation);
    }
    CHECK_FALSE(who.stream.receive(1));
  }
  SECTION("more than there may be under way") {
    CHECK(who.stream.receive(ResumableStream::kMostUnacked));
    who.stream.delivered(10);
    who.stream.wantAck();
    CHECK(who.says() == "ACK 10, DATA 3");
    who.stream.undelivered(5);
    CHECK(who.stream.receive(10));
    who.stream.delivered(5);
    CHECK_FALSE(who.stream.receive(1));
  }
}

TEST_CASE("before the answer nothing comes but pings and a reset", "[stream][resumable][hostile]") {
  ChunkPool pool{kPlenty};
  Talker a{Talker::Role::initiator, pool};
  CHECK_FALSE(a.stream.receive(1));  // no carrier
  a.stream.attach();
  CHECK_FALSE(a.stream.receive(1));
  CHECK(a.hears(wire::encodeBare(FrameType::fin)) == Event::violation);
  const std::array<std::uint8_t, 8> eight{1, 2, 3, 4, 5, 6, 7, 8};
  CHECK(a.hears(wire::encodePing(FrameType::ping, eight)) == Event::none);
  CHECK(a.out() == wire::encodePing(FrameType::pong, eight));
  CHECK(a.hears(wire::encodeBare(FrameType::reset)) == Event::reset);
}
