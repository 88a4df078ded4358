// Two TLS sessions with a wire between them that the test holds in its hands.
#pragma once

#include <deque>
#include <functional>

#include "crypto/tls_session.hpp"

namespace chuantou::test {

/// One end: what it sends waits in `out` until the test passes it on.
class WireEnd final : public crypto::TlsTransport {
 public:
  std::deque<std::uint8_t> in;
  std::deque<std::uint8_t> out;
  bool ended = false;

  std::ptrdiff_t receive(std::span<std::uint8_t> into) override {
    if (in.empty()) return ended ? 0 : kWouldBlock;
    const std::size_t n = std::min(into.size(), in.size());
    std::copy_n(in.begin(), n, into.begin());
    in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(n));
    return static_cast<std::ptrdiff_t>(n);
  }
  void send(std::span<const std::uint8_t> bytes) override { out.insert(out.end(), bytes.begin(), bytes.end()); }
};

struct TlsPair {
  using Status = crypto::TlsSession::Status;

  TlsPair(const crypto::TlsContext& clientContext, const crypto::TlsContext& serverContext)
      : client(clientContext, crypto::TlsRole::client, clientWire), server(serverContext, crypto::TlsRole::server, serverWire) {}

  void pass() {
    serverWire.in.insert(serverWire.in.end(), clientWire.out.begin(), clientWire.out.end());
    clientWire.out.clear();
    clientWire.in.insert(clientWire.in.end(), serverWire.out.begin(), serverWire.out.end());
    serverWire.out.clear();
  }
  /// False: one side refused.
  bool shakeHands() {
    for (int round = 0; round < 6; ++round) {
      const Status a = client.handshake();
      pass();
      const Status b = server.handshake();
      pass();
      if (a == Status::failed || b == Status::failed) return false;
      if (a == Status::ok && b == Status::ok) return true;
    }
    return false;
  }

  WireEnd clientWire;
  WireEnd serverWire;
  crypto::TlsSession client;
  crypto::TlsSession server;
};

}  // namespace chuantou::test
