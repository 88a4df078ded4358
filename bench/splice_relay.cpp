#include "splice_relay.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

namespace chuantou::bench {
namespace {

constexpr std::size_t kPipeSize = 1 << 20;
constexpr std::size_t kPooledPipes = 256;

struct Pipe {
  Fd out;
  Fd in;
};

// Empty pipes, kept because making one and enlarging it costs more than a small transfer.
class PipePool {
 public:
  std::optional<Pipe> take() {
    if (!idle_.empty()) {
      Pipe pipe = std::move(idle_.back());
      idle_.pop_back();
      return pipe;
    }
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
    ::fcntl(ends[1], F_SETPIPE_SZ, kPipeSize);  // refused beyond the user's limit: then 64 KB does, more slowly
    return Pipe{Fd(ends[0]), Fd(ends[1])};
  }

  void give(Pipe pipe) {
    if (idle_.size() < kPooledPipes) idle_.push_back(std::move(pipe));
  }

 private:
  std::vector<Pipe> idle_;
};

struct Connection;

struct Side {
  Connection* connection = nullptr;
  Fd fd;
  std::optional<Pipe> pipe;  // bytes read from this side, on their way to the other
  std::size_t piped = 0;
  bool ended = false;      // this side has sent all
  bool forwarded = false;  // and the other has been told
};

struct Connection {
  Side client;
  Side target;
  bool connecting = true;
  bool dead = false;
};

enum class Health { fine, broken };

bool wouldBlock() { return errno == EAGAIN || errno == EINTR; }

class SpliceRelay {
 public:
  SpliceRelay(Port at, Port target)
      : listener_(listenTcp(at)), target_(target), poller_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    ::epoll_ctl(poller_.get(), EPOLL_CTL_ADD, listener_.get(), &event);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int n = ::epoll_wait(poller_.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < n; ++i) {
        void* owner = events[static_cast<std::size_t>(i)].data.ptr;
        if (owner)
          handleReady(*static_cast<Side*>(owner));
        else
          acceptAll();
      }
      graveyard_.clear();  // only now: the batch in hand may have named a dead connection again
    }
  }

 private:
  void acceptAll() {
    for (;;) {
      Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));  // inherits TCP_NODELAY
      if (!client) return;
      Fd target = beginConnect(target_);
      if (!target) continue;
      auto* connection = new Connection;  // owned by its sides' events until end() hands it to the graveyard
      connection->client.fd = std::move(client);
      connection->target.fd = std::move(target);
      for (Side* side : {&connection->client, &connection->target}) {
        side->connection = connection;
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        event.data.ptr = side;
        ::epoll_ctl(poller_.get(), EPOLL_CTL_ADD, side->fd.get(), &event);
      }
    }
  }

  void handleReady(Side& side) {
    Connection& connection = *side.connection;
    if (connection.dead) return;
    if (connection.connecting) {
      if (&side != &connection.target) return;
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(side.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return end(connection);
      connection.connecting = false;
    }
    Side& client = connection.client;
    Side& target = connection.target;
    if (pump(client, target) == Health::broken || pump(target, client) == Health::broken ||
        (client.forwarded && target.forwarded))
      end(connection);
  }

  // Moves bytes until the one side has no more or the other takes no more.
  Health pump(Side& from, Side& to) {
    for (bool moved = true; moved;) {
      moved = false;
      if (!from.ended && from.piped < kPipeSize / 2) {
        if (!from.pipe && !(from.pipe = pipes_.take())) return Health::broken;
        const ssize_t n = ::splice(from.fd.get(), nullptr, from.pipe->in.get(), nullptr, kPipeSize,
                                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n < 0 && !wouldBlock()) return Health::broken;
        from.ended = n == 0;
        moved = n > 0;
        if (n > 0) from.piped += static_cast<std::size_t>(n);
      }
      if (from.piped > 0) {
        const ssize_t n = ::splice(from.pipe->out.get(), nullptr, to.fd.get(), nullptr, from.piped,
                                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n < 0 && !wouldBlock()) return Health::broken;
        moved = moved || n > 0;
        if (n > 0) from.piped -= static_cast<std::size_t>(n);
      }
    }
    if (from.piped == 0 && from.pipe) {
      pipes_.give(*std::exchange(from.pipe, std::nullopt));
    }
    if (from.ended && from.piped == 0 && !from.forwarded) {
      from.forwarded = true;
      ::shutdown(to.fd.get(), SHUT_WR);
    }
    return Health::fine;
  }

  void end(Connection& connection) {
    connection.dead = true;
    for (Side* side : {&connection.client, &connection.target}) {
      side->fd.reset();
      side->pipe.reset();  // never pooled: it may hold bytes
    }
    graveyard_.emplace_back(&connection);
  }

  Fd listener_;
  Port target_;
  Fd poller_;
  PipePool pipes_;
  std::vector<std::unique_ptr<Connection>> graveyard_;
};

}  // namespace

void runSpliceRelay(Port at, Port target) { SpliceRelay(at, target).run(); }

}  // namespace chuantou::bench
