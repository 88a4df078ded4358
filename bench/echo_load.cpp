#include "echo_load.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

#include "byte_stream.hpp"
#include "protocol.hpp"

namespace chuantou::bench {
namespace {

constexpr Milliseconds kPatience{10000};
constexpr int kUncounted = 20;  // round trips before the first that counts

Fd openEcho(Port at, Milliseconds patience) {
  Fd fd = connectTcp(at, patience);
  char answer = 0;
  if (!sendAll(fd.get(), &protocol::kEcho, 1) || !receiveAll(fd.get(), &answer, 1) || answer != protocol::kEcho)
    throw Failure("no first byte came back");
  return fd;
}

}  // namespace

bool answersTcp(Port at, Milliseconds patience) {
  try {
    openEcho(at, patience);
    return true;
  } catch (const Failure&) {
    return false;
  }
}

bool answersUdp(Port at, Milliseconds patience) {
  const Fd fd = connectUdp(at, patience);
  const std::uint8_t ask[protocol::kDatagramHead] = {protocol::kEchoDatagram, 'u', 'p', '?', 0};
  std::uint8_t answer[protocol::kDatagramHead] = {};
  return ::send(fd.get(), ask, sizeof ask, 0) == sizeof ask &&
         ::recv(fd.get(), answer, sizeof answer, 0) == sizeof answer && std::memcmp(ask, answer, sizeof ask) == 0;
}

Samples runEchoLoad(Port at, std::size_t size, Seconds span) {
  const Fd fd = openEcho(at, kPatience);
  std::vector<std::uint8_t> out(size);
  std::vector<std::uint8_t> in(size);
  ByteStream bytes(size);
  Samples roundTrips;
  const Time deadline = after(span);
  for (int i = 0; Clock::now() < deadline; ++i) {
    bytes.fill(out.data(), size);
    const Time begun = Clock::now();
    if (!sendAll(fd.get(), out.data(), size) || !receiveAll(fd.get(), in.data(), size))
      throw Failure(fmt::format("round trip {} did not come back", i + 1));
    const double took = secondsBetween(begun, Clock::now());
    if (in != out) throw Failure(fmt::format("round trip {} came back with other bytes", i + 1));
    if (i >= kUncounted) roundTrips.add(took * 1e6);
  }
  return roundTrips;
}

}  // namespace chuantou::bench
