#include "crypto/tls_session.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "crypto/tls_pair.hpp"

using namespace chuantou;
using namespace chuantou::crypto;
using chuantou::test::TlsPair;
using Status = TlsSession::Status;

namespace {

struct Peers {
  Identity a = Identity::generate();
  Identity b = Identity::generate();
  TlsContext client = makePeerContext(a, TlsRole::client);
  TlsContext server = makePeerContext(b, TlsRole::server);
};

std::vector<std::uint8_t> bytesOf(std::string_view text) { return {text.begin(), text.end()}; }

std::string readAll(TlsSession& session) {
  std::string out;
  std::array<std::uint8_t, 100> buffer;
  std::size_t n = 0;
  while (session.read(buffer, n) == Status::ok) out.append(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
  return out;
}

}  // namespace

TEST_CASE("two clients prove their keys to each other", "[crypto][tls]") {
  const Peers peers;
  TlsPair pair{peers.client, peers.server};
  REQUIRE(pair.shakeHands());
  CHECK(pair.client.peerKey() == peers.b.publicKey());
  CHECK(pair.server.peerKey() == peers.a.publicKey());
  CHECK_FALSE(pair.client.resumed());

  const std::string secret = "a secret that must not be seen on the wire";
  REQUIRE(pair.client.write(bytesOf(secret)) == Status::ok);
  const std::string onWire(pair.clientWire.out.begin(), pair.clientWire.out.end());
  CHECK(onWire.size() > secret.size());
  CHECK(onWire.find("secret") == std::string::npos);
  pair.pass();
  CHECK(readAll(pair.server) == secret);
  pair.client.changeKey();
  REQUIRE(pair.client.write(bytesOf("with another key")) == Status::ok);
  pair.pass();
  CHECK(readAll(pair.server) == "with another key");
  pair.client.close();
  pair.pass();
  std::array<std::uint8_t, 1> byte;
  std::size_t n = 0;
  CHECK(pair.server.read(byte, n) == Status::closed);
}

TEST_CASE("a resumed session proves the same keys without a full handshake", "[crypto][tls]") {
  const Peers peers;
  TlsTicket ticket;
  std::size_t fullSize = 0;
  {
    TlsPair first{peers.client, peers.server};
    REQUIRE(first.client.handshake() == Status::wantRead);
    first.pass();
    REQUIRE(first.server.handshake() == Status::wantRead);
    fullSize = first.serverWire.out.size();
    first.pass();
    REQUIRE(first.shakeHands());
    CHECK(first.client.takeTicket() == nullptr);
    first.server.giveTicket();
    REQUIRE(first.server.write(bytesOf("hello")) == Status::ok);
    first.pass();
    CHECK(readAll(first.client) == "hello");
    ticket = first.client.takeTicket();
    REQUIRE(ticket);
    CHECK(first.client.takeTicket() == nullptr);
  }
  for (int again = 0; again < 3; ++again) {  // one ticket serves many carriers
    TlsPair next{peers.client, peers.server};
    next.client.offer(ticket);
    REQUIRE(next.client.handshake() == Status::wantRead);
    next.pass();
    REQUIRE(next.server.handshake() == Status::wantRead);
    CHECK(next.serverWire.out.size() < fullSize / 2);
    next.pass();
    REQUIRE(next.shakeHands());
    CHECK(next.client.resumed());
    CHECK(next.server.resumed());
    CHECK(next.client.peerKey() == peers.b.publicKey());
    CHECK(next.server.peerKey() == peers.a.publicKey());
  }
  // Another server does not know the ticket: a full handshake, and its own key.
  const Peers others;
  TlsPair other{peers.client, others.server};
  other.client.offer(ticket);
  REQUIRE(other.shakeHands());
  CHECK_FALSE(other.client.resumed());
  CHECK(other.client.peerKey() == others.b.publicKey());
}

TEST_CASE("whoever shows no key is refused", "[crypto][tls]") {
  const Peers peers;
  TlsPair pair{makeTlsContext(TlsRole::client), peers.server};
  // TLS 1.3: the client learns of it after its own handshake is over.
  pair.shakeHands();
  CHECK(pair.server.handshake() == Status::failed);
}

TEST_CASE("one flipped bit anywhere ends a session, and no wrong byte comes out", "[crypto][tls]") {
  const Peers peers;
  for (std::size_t at = 0; at < 60; ++at) {
    TlsPair pair{peers.client, peers.server};
    REQUIRE(pair.shakeHands());
    REQUIRE(pair.client.write(bytesOf("0123456789012345678901234567890123456789")) == Status::ok);
    REQUIRE(pair.clientWire.out.size() > at);
    pair.clientWire.out[at] ^= static_cast<std::uint8_t>(1 << (at % 8));
    pair.pass();
    pair.serverWire.ended = true;
    std::array<std::uint8_t, 100> buffer;
    std::size_t n = 0;
    CHECK(pair.server.read(buffer, n) == Status::failed);
  }
}

TEST_CASE("replayed, reordered and dropped records end a session", "[crypto][tls]") {
  const Peers peers;
  const auto run = [&](auto change) {
    TlsPair pair{peers.client, peers.server};
    REQUIRE(pair.shakeHands());
    std::vector<std::vector<std::uint8_t>> records;
    for (const char* text : {"one", "two", "three"}) {
      REQUIRE(pair.client.write(bytesOf(text)) == Status::ok);
      records.emplace_back(pair.clientWire.out.begin(), pair.clientWire.out.end());
      pair.clientWire.out.clear();
    }
    change(records);
    for (const auto& record : records) pair.serverWire.in.insert(pair.serverWire.in.end(), record.begin(), record.end());
    pair.serverWire.ended = true;
    return readAll(pair.server);
  };
  CHECK(run([](auto&) {}) == "onetwothree");
  CHECK(run([](auto& r) { r.insert(r.begin() + 1, r[0]); }) == "one");
  CHECK(run([](auto& r) { std::swap(r[0], r[1]); }).empty());
  CHECK(run([](auto& r) { r.erase(r.begin() + 1); }) == "one");
  // Not by one byte: the next record's first one takes its place, and is the right one in one of 256 runs.
  CHECK(run([](auto& r) { r[1].resize(r[1].size() - 8); }) == "one");
}

TEST_CASE("an end that nobody signed is a failure", "[crypto][tls]") {
  const Peers peers;
  TlsPair pair{peers.client, peers.server};
  REQUIRE(pair.shakeHands());
  pair.serverWire.ended = true;
  std::array<std::uint8_t, 1> byte;
  std::size_t n = 0;
  CHECK(pair.server.read(byte, n) == Status::failed);
  CHECK_FALSE(pair.server.failure().empty());
}

TEST_CASE("both sides export the same secrets, others for other labels and contexts", "[crypto][tls]") {
  const Peers peers;
  TlsPair pair{peers.client, peers.server};
  REQUIRE(pair.shakeHands());
  const auto secret = [](const TlsSession& session, std::string_view label, std::uint8_t context) {
    std::array<std::uint8_t, 32> out{};
    session.exportSecret(label, std::span{&context, 1}, out);
    return out;
  };
  CHECK(secret(pair.client, "x", 1) == secret(pair.server, "x", 1));
  CHECK(secret(pair.client, "x", 1) != secret(pair.client, "x", 2));
  CHECK(secret(pair.client, "x", 1) != secret(pair.client, "y", 1));
  TlsPair another{peers.client, peers.server};
  REQUIRE(another.shakeHands());
  CHECK(secret(pair.client, "x", 1) != secret(another.client, "x", 1));
}
