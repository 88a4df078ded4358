#include "net/dialer.hpp"

#include <asio/error.hpp>
#include <catch2/catch.hpp>

using namespace chuantou;
using namespace chuantou::net;

namespace {

TcpEndpoint at(const char* address) { return {asio::ip::make_address(address), 80}; }

struct Outcome {
  int calls = 0;
  ErrorCode error;
  TcpEndpoint peer;
};

/// Dials and runs until the answer, or for ten seconds.
Outcome dialled(asio::io_context& context, const std::vector<TcpEndpoint>& to, Duration deadline) {
  Outcome out;
  dialAny(context, to, deadline, [&](ErrorCode ec, TcpSocket socket) {
    ++out.calls;
    out.error = ec;
    if (!ec) out.peer = socket.remote_endpoint();
  });
  context.run_for(std::chrono::seconds{10});
  return out;
}

struct Listener {
  explicit Listener(asio::io_context& context) : acceptor(context, TcpEndpoint{asio::ip::address_v4::loopback(), 0}) {}
  TcpEndpoint endpoint() const { return acceptor.local_endpoint(); }
  Acceptor acceptor;
};

/// A port of loopback where nobody listens: taken and given back.
TcpEndpoint nobody(asio::io_context& context) { return Listener{context}.endpoint(); }

}  // namespace

TEST_CASE("addresses of both families take turns, the resolver's first family leads", "[net][dial]") {
  CHECK(interleave({}).empty());
  CHECK(interleave({at("::1"), at("::2"), at("::3"), at("1.1.1.1")}) ==
        std::vector{at("::1"), at("1.1.1.1"), at("::2"), at("::3")});
  CHECK(interleave({at("1.1.1.1"), at("1.1.1.2"), at("::1"), at("::2")}) ==
        std::vector{at("1.1.1.1"), at("::1"), at("1.1.1.2"), at("::2")});
}

TEST_CASE("a dead address costs nothing when another one lives", "[net][dial]") {
  asio::io_context context;
  const Listener live{context};
  const TimePoint start = Clock::now();
  const Outcome out = dialled(context, {nobody(context), live.endpoint()}, std::chrono::seconds{5});
  CHECK(out.calls == 1);
  CHECK_FALSE(out.error);
  CHECK(out.peer == live.endpoint());
  CHECK(Clock::now() - start < std::chrono::seconds{2});  // refused: the next attempt does not wait
}

TEST_CASE("when all fail the last error is told, once", "[net][dial]") {
  asio::io_context context;
  const Outcome out = dialled(context, {nobody(context), nobody(context)}, std::chrono::seconds{5});
  CHECK(out.calls == 1);
  CHECK(out.error == asio::error::connection_refused);
  CHECK(dialled(context, {}, std::chrono::seconds{5}).error == asio::error::host_not_found);
}

TEST_CASE("a cancelled dial says so, once", "[net][dial]") {
  asio::io_context context;
  const Listener live{context};
  int calls = 0;
  ErrorCode error;
  const auto handle = dialAny(context, {live.endpoint()}, std::chrono::seconds{5}, [&](ErrorCode ec, TcpSocket) {
    ++calls;
    error = ec;
  });
  cancelDial(handle);
  cancelDial(handle);
  context.run_for(std::chrono::seconds{10});
  CHECK(calls == 1);
  CHECK(error == asio::error::operation_aborted);
}
