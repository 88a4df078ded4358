#include "datagram_relay.hpp"

#include <sys/epoll.h>

#include <array>
#include <vector>

#include "datagram_batch.hpp"
#include "protocol.hpp"

namespace chuantou::bench {
namespace {

constexpr std::size_t kMostClients = 1024;  // later ones are not served
constexpr std::uint32_t kFront = UINT32_MAX;

class DatagramRelay {
 public:
  DatagramRelay(Port at, Port target)
      : front_(bindUdp(at)),
        target_(target),
        poller_(::epoll_create1(EPOLL_CLOEXEC)),
        batch_(protocol::kLargestDatagram) {
    watch(front_.get(), kFront);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 64> events{};
    for (;;) {
      const int n = ::epoll_wait(poller_.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < n; ++i) {
        const std::uint32_t who = events[static_cast<std::size_t>(i)].data.u32;
        if (who == kFront)
          forward();
        else
          sendBack(clients_[who]);
      }
    }
  }

 private:
  struct Client {
    sockaddr_in address;
    Fd socket;
  };

  void watch(int fd, std::uint32_t who) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = who;
    ::epoll_ctl(poller_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  void forward() {
    const std::size_t n = batch_.receive(front_.get());
    for (std::size_t first = 0, end = 0; first < n; first = end) {  // a run of one sender goes out together
      for (end = first + 1; end < n && batch_.sameSender(first, end);) ++end;
      if (const Client* client = clientAt(batch_.sender(first))) batch_.send(client->socket.get(), first, end);
    }
  }

  void sendBack(const Client& client) {
    const std::size_t n = batch_.receive(client.socket.get());
    batch_.send(front_.get(), 0, n, &client.address);
  }

  const Client* clientAt(const sockaddr_in& address) {
    for (const Client& client : clients_)
      if (client.address.sin_port == address.sin_port && client.address.sin_addr.s_addr == address.sin_addr.s_addr)
        return &client;
    if (clients_.size() == kMostClients) return nullptr;
    Fd socket = connectUdp(target_, Milliseconds(0));
    setNonBlocking(socket.get(), true);
    watch(socket.get(), static_cast<std::uint32_t>(clients_.size()));
    return &clients_.emplace_back(Client{address, std::move(socket)});
  }

  Fd front_;
  Port target_;
  Fd poller_;
  DatagramBatch batch_;
  std::vector<Client> clients_;
};

}  // namespace

void runDatagramRelay(Port at, Port target) { DatagramRelay(at, target).run(); }

}  // namespace chuantou::bench
