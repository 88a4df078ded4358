#include "connection_load.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include "protocol.hpp"

namespace chuantou::bench {
namespace {

constexpr Seconds kAttemptLimit{5};
constexpr Seconds kOpenLimit{60};
constexpr std::size_t kOpenAtOnce = 16;
constexpr Seconds kAliveLimit{10};  // for all of them to answer
constexpr Milliseconds kTick{5};    // how late an overdue attempt may be noticed

struct Attempt {
  Fd fd;
  Time begun;
  bool connected = false;
};

// Attempts under way side by side: connect, send the first byte, wait for the answer.
class Dialer {
 public:
  using Done = std::function<void(Dialer&, Attempt&)>;

  Dialer(Port at, std::size_t slots, Done done)
      : at_(at), attempts_(slots), poller_(::epoll_create1(EPOLL_CLOEXEC)), done_(std::move(done)) {}

  // Begins in every free slot as long as `more()` says so.
  template <class More>
  void fill(const More& more) {
    for (Attempt& attempt : attempts_)
      if (!attempt.fd && more()) begin(attempt);
  }

  void begin(Attempt& attempt) {
    attempt.begun = Clock::now();
    attempt.connected = false;
    attempt.fd = beginConnect(at_);
    if (!attempt.fd) {
      ++failed_;
      return;
    }
    watch(EPOLL_CTL_ADD, attempt, EPOLLOUT);
  }

  void step() {
    std::array<epoll_event, 256> events{};
    const int n =
        ::epoll_wait(poller_.get(), events.data(), static_cast<int>(events.size()), static_cast<int>(kTick.count()));
    for (int i = 0; i < n; ++i) advance(*static_cast<Attempt*>(events[static_cast<std::size_t>(i)].data.ptr));
    const Time now = Clock::now();
    for (Attempt& attempt : attempts_)
      if (attempt.fd && now - attempt.begun > kAttemptLimit) fail(attempt);
  }

  std::size_t failed() const { return failed_; }

  // The connection leaves the dialer's hands.
  Fd release(Attempt& attempt) {
    ::epoll_ctl(poller_.get(), EPOLL_CTL_DEL, attempt.fd.get(), nullptr);
    return std::move(attempt.fd);
  }

 private:
  void watch(int operation, Attempt& attempt, std::uint32_t interest) {
    epoll_event event{};
    event.events = interest;
    event.data.ptr = &attempt;
    ::epoll_ctl(poller_.get(), operation, attempt.fd.get(), &event);
  }

  void fail(Attempt& attempt) {
    ++failed_;
    attempt.fd.reset();
  }

  void advance(Attempt& attempt) {
    if (!attempt.fd) return;
    if (!attempt.connected) {
      if (::send(attempt.fd.get(), &protocol::kEcho, 1, MSG_NOSIGNAL) != 1) return fail(attempt);
      attempt.connected = true;
      return watch(EPOLL_CTL_MOD, attempt, EPOLLIN);
    }
    char answer = 0;
    const ssize_t n = ::recv(attempt.fd.get(), &answer, 1, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n != 1 || answer != protocol::kEcho) return fail(attempt);
    done_(*this, attempt);
  }

  Port at_;
  std::vector<Attempt> attempts_;
  Fd poller_;
  Done done_;
  std::size_t failed_ = 0;
};

}  // namespace

ChurnResult runConnectionLoad(Port at, std::size_t concurrency, Seconds span) {
  ChurnResult result;
  Dialer dialer(at, concurrency, [&result](Dialer& self, Attempt& attempt) {
    result.firstByte.add(secondsBetween(attempt.begun, Clock::now()) * 1e6);
    attempt.fd.reset();
    self.begin(attempt);
  });
  const Time begun = Clock::now();
  const Time deadline = after(span);
  while (Clock::now() < deadline) {
    dialer.fill([] { return true; });
    dialer.step();
  }
  result.perSecond = static_cast<double>(result.firstByte.size()) / secondsBetween(begun, Clock::now());
  result.failed = dialer.failed();
  return result;
}

HeldConnections::HeldConnections(Port at, std::size_t count) {
  Dialer dialer(at, kOpenAtOnce, [this](Dialer& self, Attempt& attempt) { held_.push_back(self.release(attempt)); });
  std::size_t begun = 0;
  const Time deadline = after(kOpenLimit);
  while (held_.size() + dialer.failed() < count && Clock::now() < deadline) {
    dialer.fill([&] {
      if (begun == count) return false;
      ++begun;
      return true;
    });
    dialer.step();
  }
}

std::size_t HeldConnections::countAlive() const {
  constexpr char kWord[] = {'h', 'e', 'r', 'e'};
  for (const Fd& fd : held_) ::send(fd.get(), kWord, sizeof kWord, MSG_NOSIGNAL);
  const Time deadline = after(kAliveLimit);
  std::size_t alive = 0;
  for (const Fd& fd : held_) {
    char answer[sizeof kWord] = {};
    setNonBlocking(fd.get(), false);
    setPatience(fd.get(), Milliseconds(std::max(1, pollTimeout(deadline))));
    if (receiveAll(fd.get(), answer, sizeof answer) && std::memcmp(answer, kWord, sizeof kWord) == 0) ++alive;
  }
  return alive;
}

}  // namespace chuantou::bench
