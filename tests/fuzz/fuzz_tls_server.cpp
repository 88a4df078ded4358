// What a stranger may send to the server's TLS: bytes from the start, bytes in the middle of a handshake, records that
// were changed on the way, and anything at all inside a good session, where the control channel's codec reads it.
#include <string>
#include <vector>

#include "crypto/server_tls.hpp"
#include "crypto/tls_pair.hpp"
#include "fuzz_input.hpp"
#include "net/websocket_codec.hpp"

using namespace chuantou;
using namespace chuantou::fuzz;
using crypto::TlsSession;
using test::TlsPair;
using Status = TlsSession::Status;

namespace {

constexpr std::size_t kMaxMessage = 2048;
/// The longest answer to a stranger: a server's first flight with its small certificate, and an alert.
constexpr std::size_t kMaxFlight = 4096;

struct Contexts {
  crypto::TlsContext client = crypto::makeTlsContext(crypto::TlsRole::client);
  crypto::TlsContext server = makeServer();

  static crypto::TlsContext makeServer() {
    const crypto::PemFile key{"key", crypto::makeServerKey()};
    const auto certificate = crypto::makeServerCertificate(key, {"localhost"});
    const auto read = crypto::readCertificate({"certificate", certificate.value()}, key, {});
    return crypto::makeServerContext(read.value());
  }
};

const Contexts& contexts() {
  static const Contexts made;
  return made;
}

/// Shakes hands or reads, like a channel of the server; what comes out goes through the codec.
class Server {
 public:
  explicit Server(TlsPair& pair) : pair_(pair) {}

  void turn() {
    if (over_) return;
    if (!pair_.server.established() && !judge(pair_.server.handshake())) return;
    std::vector<std::uint8_t> buffer(1000);
    for (;;) {
      std::size_t n = 0;
      const Status status = pair_.server.read(buffer, n);
      if (!judge(status)) return;
      expect(n > 0 && n <= buffer.size(), "a read of nothing, or of too much");
      plaintext += n;
      codec_.feed(std::span{buffer}.first(n));
      net::WebSocketCodec::Event event;
      while (codec_.next(event)) {
        expect(event.data.size() <= kMaxMessage, "a message that is too long");
      }
    }
  }

  std::size_t plaintext = 0;

 private:
  /// True: there may be more to read.
  bool judge(Status status) {
    if (status == Status::failed) expect(!pair_.server.failure().empty(), "a failure without a reason");
    over_ = status == Status::failed || status == Status::closed;
    return status == Status::ok;
  }

  TlsPair& pair_;
  net::WebSocketCodec codec_ = net::WebSocketCodec::server(kMaxMessage);
  bool over_ = false;
};

void give(TlsPair& pair, std::span<const std::uint8_t> bytes) {
  pair.serverWire.in.insert(pair.serverWire.in.end(), bytes.begin(), bytes.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  TlsPair pair{contexts().client, contexts().server};
  Server server{pair};
  switch (input.byte() % 4) {
    case 0:  // from the start, in pieces
      while (!input.empty()) {
        const std::size_t piece = input.byte() + 1;
        give(pair, input.take(piece));
        server.turn();
      }
      pair.serverWire.ended = true;
      server.turn();
      expect(server.plaintext == 0, "bytes of a stranger who never shook hands");
      expect(pair.serverWire.out.size() <= kMaxFlight, "an answer that is much longer than the question");
      break;
    case 1:  // a good ClientHello with changes, then anything
      pair.client.handshake();
      for (std::size_t changes = input.byte() % 8; changes > 0; --changes) {
        const std::size_t at = input.below(0x10000) % pair.clientWire.out.size();
        pair.clientWire.out[at] ^= static_cast<std::uint8_t>(input.byte());
      }
      pair.pass();
      server.turn();
      give(pair, input.rest());
      server.turn();
      expect(server.plaintext == 0, "bytes of a stranger who never shook hands");
      break;
    case 2: {  // a good session, and anything inside it
      expect(pair.shakeHands(), "a good handshake");
      std::size_t sent = 0;
      while (!input.empty()) {
        const auto piece = input.take(input.byte() + 1);
        if (piece.empty()) break;
        expect(pair.client.write(piece) == Status::ok, "a client that cannot write");
        sent += piece.size();
      }
      pair.pass();
      server.turn();
      expect(server.plaintext == sent, "bytes lost or made up");
      break;
    }
    default:  // a good session whose records are changed on the way
      expect(pair.shakeHands(), "a good handshake");
      pair.client.write(std::vector<std::uint8_t>(100, 'G'));
      give(pair, input.rest());
      pair.pass();
      server.turn();
      expect(input.rest().empty() ? server.plaintext == 100 : server.plaintext == 0, "bytes that nobody signed");
      break;
  }
  return 0;
}
