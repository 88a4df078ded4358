#include "integrity_check.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <vector>

#include "byte_stream.hpp"
#include "protocol.hpp"

namespace chuantou::bench {
namespace {

constexpr Milliseconds kPatience{10000};
constexpr Milliseconds kDatagramPatience{300};
constexpr std::size_t kChunk = 64 * 1024;
constexpr std::size_t kLargestChecked = 1400;

bool sendRequest(int fd, char op, std::uint64_t seed, std::uint64_t length) {
  std::array<std::uint8_t, 1 + protocol::kVerifyHead> head{};
  head[0] = static_cast<std::uint8_t>(op);
  std::memcpy(head.data() + 1, &seed, sizeof seed);
  std::memcpy(head.data() + 1 + sizeof seed, &length, sizeof length);
  if (!sendAll(fd, head.data(), head.size())) return false;
  ByteStream bytes(seed);
  std::vector<std::uint8_t> chunk(kChunk);
  for (std::uint64_t left = length; left > 0;) {
    const std::size_t n = std::min<std::uint64_t>(left, chunk.size());
    bytes.fill(chunk.data(), n);
    if (!sendAll(fd, chunk.data(), n)) return false;
    left -= n;
  }
  return true;
}

Complaint readAnswer(int fd, std::uint64_t seed, std::uint64_t length) {
  std::array<std::uint8_t, protocol::kVerifyAnswer> verdict{};
  if (!receiveAll(fd, verdict.data(), verdict.size())) return "no answer";
  std::uint64_t reached = 0;
  std::memcpy(&reached, verdict.data() + 1, sizeof reached);
  if (reached != length) return fmt::format("up: {} of {} bytes", reached, length);
  if (verdict[0] != protocol::kRight) return "up: wrong bytes";
  ByteStream bytes(seed + 1);
  std::vector<std::uint8_t> chunk(kChunk);
  std::uint64_t got = 0;
  ssize_t n = 0;
  while ((n = ::recv(fd, chunk.data(), chunk.size(), 0)) > 0) {
    if (!bytes.matches(chunk.data(), static_cast<std::size_t>(n))) return "down: wrong bytes";
    got += static_cast<std::uint64_t>(n);
  }
  if (got != length) return fmt::format("down: {} of {} bytes", got, length);
  return n == 0 ? "" : "no clean end";
}

Complaint check(Port at, char op, std::uint64_t length) try {
  const Fd fd = connectTcp(at, kPatience);
  const auto seed = static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
  if (!sendRequest(fd.get(), op, seed, length)) return "up: broken off";
  if (op == protocol::kVerifyAfterEnd) ::shutdown(fd.get(), SHUT_WR);
  return readAnswer(fd.get(), seed, length);
} catch (const Failure& failure) {
  return failure.what();
}

}  // namespace

Complaint checkBytes(Port at, std::uint64_t length) { return check(at, protocol::kVerify, length); }

Complaint checkHalfClose(Port at, std::uint64_t length) { return check(at, protocol::kVerifyAfterEnd, length); }

Complaint checkDatagrams(Port at) {
  const Fd fd = connectUdp(at, kDatagramPatience);
  ByteStream bytes(static_cast<std::uint64_t>(number(at)));
  std::vector<std::uint8_t> out(kLargestChecked);
  std::vector<std::uint8_t> in(kLargestChecked + 1);
  int sent = 0;
  int lost = 0;
  for (std::size_t size = protocol::kDatagramHead; size <= kLargestChecked; size += 5) {
    bytes.fill(out.data(), size);
    out[0] = protocol::kEchoDatagram;
    ++sent;
    if (::send(fd.get(), out.data(), size, 0) < 0) return systemFailure("send").what();
    const ssize_t n = ::recv(fd.get(), in.data(), in.size(), 0);
    if (n < 0)
      ++lost;
    else if (static_cast<std::size_t>(n) != size || std::memcmp(in.data(), out.data(), size) != 0)
      return fmt::format("{} bytes came back as {} or changed", size, n);
    if (lost > 5) break;
  }
  return lost * 100 > sent ? fmt::format("{} of {} lost", lost, sent) : "";
}

}  // namespace chuantou::bench
