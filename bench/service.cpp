#include "service.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "byte_stream.hpp"
#include "datagram_batch.hpp"
#include "protocol.hpp"

namespace chuantou::bench {
namespace {

constexpr std::size_t kChunk = 256 * 1024;
constexpr int kRounds = 4;  // reads or writes of one connection before the next has its turn
constexpr int kBatches = 16;

using Flow = std::uint32_t;
using DatagramCounts = std::unordered_map<Flow, std::uint64_t>;

// Whether a connection lives on.
enum class Next { more, close };

// One connection: a small state machine over protocol.hpp.
class Session {
 public:
  Session(Fd fd, const DatagramCounts& counts) : fd_(std::move(fd)), counts_(counts) {}

  int fd() const { return fd_.get(); }

  // What to wait for: an echo that backs up stops reading.
  std::uint32_t interest() const {
    return op_ == protocol::kSource || answer_ || !queued_.empty() ? EPOLLOUT : EPOLLIN;
  }

  Next handleReady(std::uint32_t ready, std::vector<std::uint8_t>& scratch) {
    if ((ready & EPOLLERR) != 0) return Next::close;
    if ((ready & EPOLLOUT) != 0 && flush() == Next::close) return Next::close;
    if ((ready & (EPOLLIN | EPOLLHUP)) != 0 && op_ != protocol::kSource && !answer_ && read(scratch) == Next::close)
      return Next::close;
    if (op_ == protocol::kSource) return pour(scratch);
    return answer_ ? giveAnswer(scratch) : Next::more;
  }

 private:
  Next flush() {
    while (sent_ < queued_.size()) {
      const ssize_t n = ::send(fd(), queued_.data() + sent_, queued_.size() - sent_, MSG_NOSIGNAL);
      if (n < 0) return errno == EAGAIN || errno == EINTR ? Next::more : Next::close;
      sent_ += static_cast<std::size_t>(n);
    }
    queued_.clear();
    sent_ = 0;
    return Next::more;
  }

  Next queue(const void* data, std::size_t size) {
    const auto at = static_cast<const std::uint8_t*>(data);
    queued_.insert(queued_.end(), at, at + size);
    return flush();
  }

  // The operation's byte and a fixed head are taken alone, so that what follows starts a buffer.
  std::size_t wanted(const std::vector<std::uint8_t>& scratch) const {
    if (op_ == 0) return 1;
    if (verifies() && !expected_) return protocol::kVerifyHead - head_.size();
    return scratch.size();
  }

  Next read(std::vector<std::uint8_t>& scratch) {
    for (int round = 0; round < kRounds; ++round) {
      const int flags = op_ == protocol::kSink ? MSG_TRUNC : 0;  // the kernel discards without copying
      const ssize_t n = ::recv(fd(), scratch.data(), wanted(scratch), flags);
      if (n < 0) return errno == EAGAIN || errno == EINTR ? Next::more : Next::close;
      if (n == 0) return handleEnd();
      if (handleBytes(scratch.data(), static_cast<std::size_t>(n)) == Next::close) return Next::close;
      if (op_ == protocol::kSource || answer_ || !queued_.empty()) return Next::more;
    }
    return Next::more;
  }

  Next handleBytes(const std::uint8_t* bytes, std::size_t size) {
    switch (op_) {
      case 0:
        op_ = static_cast<char>(bytes[0]);
        return op_ == protocol::kEcho ? queue(&op_, 1) : Next::more;
      case protocol::kEcho:
        return queue(bytes, size);
      case protocol::kSink:
        return discard(size);
      case protocol::kVerify:
      case protocol::kVerifyAfterEnd:
        return verify(bytes, size);
      case protocol::kCount:
        return tellCount(bytes, size);
      default:
        return Next::close;
    }
  }

  Next discard(std::size_t size) {
    received_ += size;
    if (received_ < reportAt_) return Next::more;
    reportAt_ = received_ + protocol::kReportEvery;
    return queue(&received_, sizeof received_);
  }

  Next verify(const std::uint8_t* bytes, std::size_t size) {
    if (!expected_) {
      head_.insert(head_.end(), bytes, bytes + size);
      if (head_.size() < protocol::kVerifyHead) return Next::more;
      std::memcpy(&seed_, head_.data(), sizeof seed_);
      std::memcpy(&length_, head_.data() + sizeof seed_, sizeof length_);
      expected_.emplace(seed_);
    } else {
      received_ += size;
      equal_ = expected_->matches(bytes, size) && equal_;
    }
    return op_ == protocol::kVerify && received_ >= length_ ? beginAnswer() : Next::more;
  }

  Next tellCount(const std::uint8_t* bytes, std::size_t size) {
    head_.insert(head_.end(), bytes, bytes + size);
    while (head_.size() >= sizeof(Flow)) {
      Flow flow = 0;
      std::memcpy(&flow, head_.data(), sizeof flow);
      head_.erase(head_.begin(), head_.begin() + sizeof flow);
      const auto found = counts_.find(flow);
      const std::uint64_t count = found == counts_.end() ? 0 : found->second;
      if (queue(&count, sizeof count) == Next::close) return Next::close;
    }
    return Next::more;
  }

  bool verifies() const { return op_ == protocol::kVerify || op_ == protocol::kVerifyAfterEnd; }

  Next handleEnd() { return verifies() && expected_ ? beginAnswer() : Next::close; }

  Next beginAnswer() {
    std::array<std::uint8_t, protocol::kVerifyAnswer> verdict{};
    verdict[0] = static_cast<std::uint8_t>(equal_ && received_ == length_ ? protocol::kRight : protocol::kWrong);
    std::memcpy(verdict.data() + 1, &received_, sizeof received_);
    answer_.emplace(seed_ + 1);
    answerLeft_ = length_;
    return queue(verdict.data(), verdict.size());
  }

  Next giveAnswer(std::vector<std::uint8_t>& scratch) {
    while (queued_.empty() && answerLeft_ > 0) {
      const std::size_t n = std::min<std::uint64_t>(answerLeft_, scratch.size());
      answer_->fill(scratch.data(), n);
      answerLeft_ -= n;
      if (queue(scratch.data(), n) == Next::close) return Next::close;
    }
    return queued_.empty() ? Next::close : Next::more;
  }

  Next pour(const std::vector<std::uint8_t>& scratch) {
    for (int round = 0; round < kRounds; ++round)
      if (::send(fd(), scratch.data(), scratch.size(), MSG_NOSIGNAL) < 0)
        return errno == EAGAIN || errno == EINTR ? Next::more : Next::close;
    return Next::more;
  }

  Fd fd_;
  const DatagramCounts& counts_;
  char op_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t reportAt_ = protocol::kReportEvery;
  std::vector<std::uint8_t> queued_;
  std::size_t sent_ = 0;  // of queued_
  std::vector<std::uint8_t> head_;
  std::uint64_t seed_ = 0;
  std::uint64_t length_ = 0;
  std::optional<ByteStream> expected_;
  std::optional<ByteStream> answer_;
  std::uint64_t answerLeft_ = 0;
  bool equal_ = true;
};

class Service {
 public:
  Service(Port tcp, Port udp)
      : listener_(listenTcp(tcp)),
        datagrams_(bindUdp(udp)),
        poller_(::epoll_create1(EPOLL_CLOEXEC)),
        scratch_(kChunk, 'z'),
        batch_(protocol::kLargestDatagram) {
    watch(EPOLL_CTL_ADD, listener_.get(), EPOLLIN, &listener_);
    watch(EPOLL_CTL_ADD, datagrams_.get(), EPOLLIN, &datagrams_);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int n = ::epoll_wait(poller_.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < n; ++i) handleEvent(events[static_cast<std::size_t>(i)]);
    }
  }

 private:
  void watch(int operation, int fd, std::uint32_t interest, void* owner) {
    epoll_event event{};
    event.events = interest;
    event.data.ptr = owner;
    ::epoll_ctl(poller_.get(), operation, fd, &event);
  }

  void handleEvent(const epoll_event& event) {
    if (event.data.ptr == &listener_) return acceptAll();
    if (event.data.ptr == &datagrams_) return takeDatagrams();
    auto* session = static_cast<Session*>(event.data.ptr);
    const std::uint32_t before = session->interest();
    if (session->handleReady(event.events, scratch_) == Next::close)
      sessions_.erase(session->fd());
    else if (session->interest() != before)
      watch(EPOLL_CTL_MOD, session->fd(), session->interest(), session);
  }

  void acceptAll() {
    for (int i = 0; i < 64; ++i) {
      Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));  // inherits TCP_NODELAY
      if (!fd) return;
      const int key = fd.get();
      auto session = std::make_unique<Session>(std::move(fd), counts_);
      watch(EPOLL_CTL_ADD, key, session->interest(), session.get());
      sessions_[key] = std::move(session);
    }
  }

  void takeDatagrams() {
    for (int round = 0; round < kBatches; ++round) {
      const std::size_t n = batch_.receive(datagrams_.get());
      for (std::size_t i = 0; i < n; ++i) {
        if (batch_.size(i) < protocol::kDatagramHead) continue;
        const std::uint8_t* bytes = batch_.bytes(i);
        Flow flow = 0;
        std::memcpy(&flow, bytes + 1, sizeof flow);
        if (bytes[0] == protocol::kCountDatagram) ++counts_[flow];
        if (bytes[0] == protocol::kEchoDatagram) batch_.send(datagrams_.get(), i, i + 1, &batch_.sender(i));
      }
      if (n < DatagramBatch::kCapacity) return;
    }
  }

  Fd listener_;
  Fd datagrams_;
  Fd poller_;
  std::vector<std::uint8_t> scratch_;
  DatagramBatch batch_;
  DatagramCounts counts_;
  std::unordered_map<int, std::unique_ptr<Session>> sessions_;
};

}  // namespace

void runService(Port tcp, Port udp) { Service(tcp, udp).run(); }

}  // namespace chuantou::bench
