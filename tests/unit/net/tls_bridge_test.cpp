#include "net/tls_bridge.hpp"

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <catch2/catch.hpp>

#include "crypto/server_tls.hpp"
#include "net/loopback_pair.hpp"
#include "net/socket_options.hpp"
#include "net/tls_handshake.hpp"
#include "support/seeded_random.hpp"

using namespace chuantou;
using namespace chuantou::net;
using chuantou::test::SeededRandom;

namespace {

crypto::TlsContext serverContext(crypto::Fingerprint& fingerprint) {
  const crypto::PemFile key{"key", crypto::makeServerKey()};
  const auto certificate = crypto::makeServerCertificate(key, {"localhost"});
  REQUIRE(certificate);
  const auto read = crypto::readCertificate({"certificate", certificate.value()}, key, std::chrono::system_clock::now());
  REQUIRE(read);
  fingerprint = read.value().info.fingerprint;
  return crypto::makeServerContext(read.value());
}

LoopbackPair pairOn(IoThread& thread) {
  LoopbackPair pair{TcpSocket{thread.context()}, TcpSocket{thread.context()}};
  ErrorCode ec;
  REQUIRE(makeLoopbackPair(thread.context(), pair, ec));
  return pair;
}

/// program a - bridge - TLS over a pair of sockets - bridge - program b
struct Chain {
  Chain() {
    crypto::Fingerprint fingerprint;
    const auto server = serverContext(fingerprint);
    LoopbackPair wire = pairOn(thread);
    clientWire = wire.a.native_handle();
    shake(std::move(wire.a), crypto::makeServerClientContext(fingerprint), crypto::TlsRole::client, a);
    shake(std::move(wire.b), server, crypto::TlsRole::server, b);
    turnUntil([&] { return a.is_open() && b.is_open(); });
  }

  void shake(TcpSocket socket, const crypto::TlsContext& context, crypto::TlsRole role, TcpSocket& out) {
    std::make_shared<TlsHandshake>(std::make_unique<TlsSocket>(thread, std::move(socket), context, role),
                                   [this, &out](std::unique_ptr<TlsSocket> tls, bool good) {
                                     REQUIRE(good);
                                     out = TlsBridge::start(thread, std::move(tls));
                                   })
        ->start();
  }

  template <class F>
  bool turnUntil(F f, Millis patience = std::chrono::seconds{20}) {
    const TimePoint end = Clock::now() + patience;
    while (!f()) {
      if (Clock::now() > end) return false;
      thread.context().run_one_for(Millis{10});
    }
    return true;
  }

  /// Lets everything settle that can.
  void settle() {
    while (thread.context().run_one_for(Millis{50}) > 0) {
    }
  }

  IoThread thread;
  TcpSocket a{thread.context()};
  TcpSocket b{thread.context()};
  int clientWire = -1;
};

std::vector<std::uint8_t> randomBytes(SeededRandom& random, std::size_t size) {
  std::vector<std::uint8_t> out(size);
  random.fill(out);
  return out;
}

/// Writes as much of `bytes` as is taken.
std::size_t write(TcpSocket& socket, std::span<const std::uint8_t> bytes) {
  ErrorCode ec;
  return socket.write_some(asio::buffer(bytes.data(), bytes.size()), ec);
}

/// What comes until the end or an error, in reads of at most `size`.
struct Reader {
  std::vector<std::uint8_t> bytes;
  ErrorCode error;

  bool ended() const { return error == asio::error::eof; }
  bool reset() const { return error == asio::error::connection_reset; }
  void read(TcpSocket& socket, std::size_t size) {
    if (error) return;
    std::vector<std::uint8_t> buffer(size);
    ErrorCode ec;
    const std::size_t n = socket.read_some(asio::buffer(buffer.data(), buffer.size()), ec);
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
    if (ec != asio::error::would_block && ec != asio::error::try_again) error = ec;
  }
};

}  // namespace

TEST_CASE("a pair of sockets is connected to itself", "[net][bridge]") {
  IoThread thread;
  LoopbackPair pair = pairOn(thread);
  CHECK(pair.a.remote_endpoint() == pair.b.local_endpoint());
  CHECK(pair.b.remote_endpoint() == pair.a.local_endpoint());
}

TEST_CASE("bytes come out of a bridge as they went in, however they are cut", "[net][bridge]") {
  const std::uint64_t seed = GENERATE(1u, 2u, 3u);
  CAPTURE(seed);
  SeededRandom random{seed};
  Chain chain;
  const auto fromA = randomBytes(random, 3'000'000 + random.below(1000));
  const auto fromB = randomBytes(random, 2'000'000 + random.below(1000));
  std::size_t sentA = 0;
  std::size_t sentB = 0;
  Reader atA;
  Reader atB;
  const auto turn = [&] {
    const auto cut = [&](const std::vector<std::uint8_t>& all, std::size_t sent) {
      return std::span{all}.subspan(sent, std::min(all.size() - sent, random.below(100'000) + 1));
    };
    if (sentA < fromA.size()) {
      sentA += write(chain.a, cut(fromA, sentA));
      if (sentA == fromA.size()) chain.a.shutdown(TcpSocket::shutdown_send);
    }
    if (sentB < fromB.size()) {
      sentB += write(chain.b, cut(fromB, sentB));
      if (sentB == fromB.size()) chain.b.shutdown(TcpSocket::shutdown_send);
    }
    atA.read(chain.a, random.below(200'000) + 1);
    atB.read(chain.b, random.below(200'000) + 1);
    chain.thread.context().poll();
    return atA.error && atB.error;
  };
  REQUIRE(chain.turnUntil(turn));
  CHECK(atA.ended());
  CHECK(atB.ended());
  CHECK(atA.bytes == fromB);
  CHECK(atB.bytes == fromA);
}

TEST_CASE("one half may end while the other goes on", "[net][bridge]") {
  Chain chain;
  const std::vector<std::uint8_t> question{1, 2, 3};
  const std::vector<std::uint8_t> answer{4, 5, 6, 7};
  REQUIRE(write(chain.a, question) == question.size());
  chain.a.shutdown(TcpSocket::shutdown_send);
  Reader atB;
  REQUIRE(chain.turnUntil([&] { return atB.read(chain.b, 100), bool{atB.error}; }));
  CHECK(atB.ended());
  CHECK(atB.bytes == question);
  chain.settle();

  Reader atA;
  atA.read(chain.a, 100);
  CHECK_FALSE(atA.error);  // still open
  REQUIRE(write(chain.b, answer) == answer.size());
  chain.b.shutdown(TcpSocket::shutdown_send);
  REQUIRE(chain.turnUntil([&] { return atA.read(chain.a, 100), bool{atA.error}; }));
  CHECK(atA.ended());
  CHECK(atA.bytes == answer);
}

TEST_CASE("a reset goes through a bridge as one, and is no end", "[net][bridge]") {
  const bool afterAnEnd = GENERATE(false, true);
  CAPTURE(afterAnEnd);
  Chain chain;
  Reader atB;
  if (afterAnEnd) {
    chain.a.shutdown(TcpSocket::shutdown_send);
    REQUIRE(chain.turnUntil([&] { return atB.read(chain.b, 100), bool{atB.error}; }));
    REQUIRE(atB.ended());
    chain.settle();
  }
  closeWithReset(chain.a);
  if (!afterAnEnd) {
    REQUIRE(chain.turnUntil([&] { return atB.read(chain.b, 100), bool{atB.error}; }));
    CHECK(atB.reset());
    return;
  }
  // Whoever has read the end already learns of the reset when it writes.
  REQUIRE(chain.turnUntil([&] {
    ErrorCode ec;
    const std::uint8_t byte = 0;
    chain.b.write_some(asio::buffer(&byte, 1), ec);
    return ec && ec != asio::error::would_block;
  }));
}

TEST_CASE("a connection that is cut under TLS is a reset, also between two records", "[net][bridge]") {
  Chain chain;
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  REQUIRE(write(chain.a, bytes) == bytes.size());
  Reader atB;
  REQUIRE(chain.turnUntil([&] { return atB.read(chain.b, 100), atB.bytes.size() == 3; }));
  ::shutdown(chain.clientWire, SHUT_WR);  // a FIN that nobody has signed
  REQUIRE(chain.turnUntil([&] { return atB.read(chain.b, 100), bool{atB.error}; }));
  CHECK(atB.reset());
}

TEST_CASE("who does not read stops the writer, and loses nothing", "[net][bridge]") {
  SeededRandom random{7};
  Chain chain;
  const auto block = randomBytes(random, 64 * 1024);
  std::size_t sent = 0;
  int idle = 0;
  // Three pairs of socket buffers and two chunks take a few megabytes; a bridge without bounds takes all.
  while (sent < 400'000'000 && idle < 20) {
    const std::size_t n = write(chain.a, block);
    sent += n;
    idle = n == 0 ? idle + 1 : 0;
    chain.thread.context().run_for(Millis{n == 0 ? 10 : 0});
    chain.thread.context().poll();
  }
  CHECK(sent < 100'000'000);
  // The other direction is not held up.
  REQUIRE(write(chain.b, std::span{block}.first(1000)) == 1000);
  Reader atA;
  REQUIRE(chain.turnUntil([&] { return atA.read(chain.a, 4096), atA.bytes.size() == 1000; }));
  // And what was taken comes out.
  chain.a.shutdown(TcpSocket::shutdown_send);
  Reader atB;
  REQUIRE(chain.turnUntil([&] { return atB.read(chain.b, 1 << 20), bool{atB.error}; }));
  CHECK(atB.ended());
  CHECK(atB.bytes.size() == sent);
}
