// What a peer that has proved its key may send inside TLS: any bytes, cut anywhere, read as control frames or as a stream.
#include <array>

#include "crypto/identity.hpp"
#include "engine/client/secure_line.hpp"
#include "fuzz_input.hpp"
#include "net/loopback_pair.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;
using engine::Frame;
using engine::FrameLine;
using engine::SecureLine;

namespace {

struct World {
  net::IoThread thread;
  crypto::Identity identity = crypto::Identity::generate();
  crypto::TlsContext client = crypto::makePeerContext(identity, crypto::TlsRole::client);
  crypto::TlsContext server = crypto::makePeerContext(identity, crypto::TlsRole::server);
};

World& world() {
  static World made;
  return made;
}

/// The event loop does not run here: what was sent on loopback is there at once.
template <class Socket>
void settle(Socket& socket) {
  socket.waitReadable([](const net::ErrorCode&) {});
  world().thread.context().restart();
  world().thread.context().poll();
}

/// Waits that are still open must have ended before what they speak of goes.
struct LastWaits {
  net::TlsSocket& peer;
  SecureLine& line;
  ~LastWaits() {
    peer.socket().close();
    line.socket().close();
    world().thread.context().restart();
    world().thread.context().poll();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  World& w = world();
  net::LoopbackPair pair{net::TcpSocket{w.thread.context()}, net::TcpSocket{w.thread.context()}};
  net::ErrorCode ec;
  if (!net::makeLoopbackPair(w.thread.context(), pair, ec)) return 0;
  net::TlsSocket peer{w.thread, std::move(pair.a), w.client, crypto::TlsRole::client};
  SecureLine line{w.thread, std::move(pair.b), w.server, crypto::TlsRole::server};
  const LastWaits last{peer, line};
  bool shaken = false;
  for (int turn = 0; turn < 8 && !shaken; ++turn) {
    const bool a = peer.handshake() == net::TlsSocket::State::ok;
    settle(line);
    const bool b = line.handshake() == FrameLine::State::ok;
    settle(peer);
    shaken = a && b;
  }
  expect(shaken, "no handshake");

  std::size_t sent = 0;
  std::size_t told = 0;
  std::array<std::uint8_t, 300> buffer;
  while (!input.empty()) {
    const auto bytes = input.take(1 + input.byte());
    if (!bytes.empty() && peer.write(bytes) != net::TlsSocket::State::ok) return 0;
    sent += bytes.size();
    settle(line);
    const bool asStream = input.byte() % 2 != 0;
    for (;;) {
      if (asStream) {
        Frame frame;
        const auto read = line.read(std::span{buffer}.first(1 + input.below(buffer.size())), frame);
        using Told = SecureLine::Read::State;
        expect(read.state == Told::data ? read.bytes > 0 : read.bytes == 0, "a read of nothing");
        expect(read.state != Told::frame || frame.header.type != wire::FrameType::data, "DATA as a frame");
        told += read.bytes + (read.state == Told::frame ? frame.payload.size() : 0);
        if (read.state == Told::ended || read.state == Told::broken) return 0;
        if (read.state == Told::wouldBlock) break;
      } else {
        Frame frame;
        const auto state = line.readFrame(frame);
        if (state == FrameLine::State::wouldBlock) break;
        if (state != FrameLine::State::ok) return 0;
        expect(frame.payload.size() == frame.header.length && frame.payload.size() <= wire::kMaxFramePayload, "a frame that is too long");
        told += frame.payload.size();
      }
    }
    expect(told <= sent, "more came out than went in");
  }
  return 0;
}
