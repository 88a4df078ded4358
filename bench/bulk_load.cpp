#include "bulk_load.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <vector>

#include "protocol.hpp"

namespace chuantou::bench {
namespace {

constexpr std::size_t kChunk = 256 * 1024;
constexpr Seconds kWarmUp{0.5};
constexpr Milliseconds kPatience{10000};

struct Stream {
  Fd fd;
  std::uint64_t arrived = 0;  // up: what the service has reported
  std::array<std::uint8_t, sizeof(std::uint64_t)> report{};
  std::size_t reportSize = 0;
  bool broken = false;
};

bool failed(ssize_t n) { return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR); }

class BulkLoad {
 public:
  BulkLoad(Port at, Direction direction, int streams)
      : direction_(direction),
        streams_(static_cast<std::size_t>(streams)),
        poller_(::epoll_create1(EPOLL_CLOEXEC)),
        chunk_(kChunk, 'u') {
    for (Stream& stream : streams_) {
      stream.fd = connectTcp(at, kPatience);
      const char op = direction == Direction::up ? protocol::kSink : protocol::kSource;
      if (!sendAll(stream.fd.get(), &op, 1)) throw systemFailure("bulk: the connection ended at once");
      setNonBlocking(stream.fd.get(), true);
      epoll_event event{};
      event.events = direction == Direction::up ? EPOLLIN | EPOLLOUT : EPOLLIN;
      event.data.ptr = &stream;
      ::epoll_ctl(poller_.get(), EPOLL_CTL_ADD, stream.fd.get(), &event);
    }
  }

  void runUntil(Time deadline) {
    std::array<epoll_event, 64> events{};
    while (Clock::now() < deadline) {
      const int n = ::epoll_wait(poller_.get(), events.data(), static_cast<int>(events.size()), pollTimeout(deadline));
      for (int i = 0; i < n; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        move(*static_cast<Stream*>(event.data.ptr), event.events);
      }
    }
  }

  std::uint64_t arrived() const {
    return std::accumulate(streams_.begin(), streams_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const Stream& stream) { return sum + stream.arrived; });
  }

  int broken() const {
    return std::accumulate(streams_.begin(), streams_.end(), 0,
                           [](int sum, const Stream& stream) { return sum + (stream.broken ? 1 : 0); });
  }

 private:
  void move(Stream& stream, std::uint32_t ready) {
    if (direction_ == Direction::down) {
      receive(stream);
    } else {
      if ((ready & EPOLLIN) != 0) receiveReports(stream);
      if ((ready & EPOLLOUT) != 0 && !stream.broken)
        stream.broken = failed(::send(stream.fd.get(), chunk_.data(), chunk_.size(), MSG_NOSIGNAL));
    }
    if (stream.broken) ::epoll_ctl(poller_.get(), EPOLL_CTL_DEL, stream.fd.get(), nullptr);
  }

  void receive(Stream& stream) {
    const ssize_t n = ::recv(stream.fd.get(), chunk_.data(), chunk_.size(), MSG_TRUNC);  // discards without copying
    if (n > 0) stream.arrived += static_cast<std::uint64_t>(n);
    stream.broken = failed(n);
  }

  void receiveReports(Stream& stream) {
    for (;;) {
      const ssize_t n = ::recv(stream.fd.get(), stream.report.data() + stream.reportSize,
                               stream.report.size() - stream.reportSize, 0);
      if (n <= 0) {
        stream.broken = failed(n);
        return;
      }
      stream.reportSize += static_cast<std::size_t>(n);
      if (stream.reportSize < stream.report.size()) continue;
      std::memcpy(&stream.arrived, stream.report.data(), sizeof stream.arrived);
      stream.reportSize = 0;
    }
  }

  Direction direction_;
  std::vector<Stream> streams_;
  Fd poller_;
  std::vector<std::uint8_t> chunk_;
};

}  // namespace

BulkResult runBulkLoad(Port at, Direction direction, int streams, Seconds span,
                       const std::function<double()>& cpuSeconds) {
  BulkLoad load(at, direction, streams);
  load.runUntil(after(kWarmUp));
  const Time begun = Clock::now();
  const double cpuBefore = cpuSeconds();
  const std::uint64_t before = load.arrived();
  load.runUntil(after(span));
  const double gigabytes = static_cast<double>(load.arrived() - before) / 1e9;
  BulkResult result;
  result.gigabytesPerSecond = gigabytes / secondsBetween(begun, Clock::now());
  result.cpuSecondsPerGigabyte = (cpuSeconds() - cpuBefore) / gigabytes;
  result.brokenStreams = load.broken();
  return result;
}

}  // namespace chuantou::bench
