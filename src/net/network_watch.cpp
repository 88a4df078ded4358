#include "net/network_watch.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/ip/address.hpp>
#include <cstring>
#include <unordered_map>

#ifdef __linux__
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <array>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#endif

namespace chuantou::net {

bool isLocalAddress(const asio::ip::address& address) {
  if (address.is_loopback() || address.is_unspecified()) return true;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return true;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all{first, &::freeifaddrs};
  for (const ifaddrs* at = first; at; at = at->ifa_next) {
    if (!at->ifa_addr) continue;
    if (address.is_v4() && at->ifa_addr->sa_family == AF_INET) {
      sockaddr_in in{};
      std::memcpy(&in, at->ifa_addr, sizeof in);
      if (ntohl(in.sin_addr.s_addr) == address.to_v4().to_uint()) return true;
    } else if (address.is_v6() && at->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 in{};
      std::memcpy(&in, at->ifa_addr, sizeof in);
      if (std::memcmp(&in.sin6_addr, address.to_v6().to_bytes().data(), sizeof in.sin6_addr) == 0) return true;
    }
  }
  return false;
}

#ifdef __linux__

namespace {

constexpr std::size_t kMessages = 32 * 1024;

int openSocket() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return -1;
  sockaddr_nl who{};
  who.nl_family = AF_NETLINK;
  who.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  sockaddr address{};
  static_assert(sizeof who <= sizeof address);
  std::memcpy(&address, &who, sizeof who);
  if (::bind(fd, &address, sizeof who) == 0) return fd;
  ::close(fd);
  return -1;
}

/// The fixed part of a message's body; false: it is too short for one.
template <class Body>
bool bodyOf(const nlmsghdr* message, Body& body) {
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof body)) return false;
  std::memcpy(&body, NLMSG_DATA(message), sizeof body);
  return true;
}

}  // namespace

class NetworkWatch::Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(IoThread& thread, int fd, std::function<void()> changed)
      : socket_(thread.context(), fd), timer_(thread.context()), changed_(std::move(changed)) {}

  void wait() {
    socket_.async_wait(Socket::wait_read, [weak = weak_from_this()](const ErrorCode& ec) {
      const auto self = weak.lock();
      if (ec || !self) return;
      self->read();
      self->wait();
    });
  }

 private:
  using Socket = asio::posix::basic_stream_descriptor<Executor>;

  void read() {
    for (;;) {
      alignas(nlmsghdr) std::array<char, kMessages> bytes;
      const ssize_t n = ::recv(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_TRUNC);
      // What did not fit (ENOBUFS: into the socket) was many changes at once.
      const bool lost = n < 0 ? errno == ENOBUFS : static_cast<std::size_t>(n) > bytes.size();
      if (lost) onChange();
      if (lost) continue;
      if (n <= 0) return;
      auto left = static_cast<unsigned>(n);
      for (auto* message = reinterpret_cast<nlmsghdr*>(bytes.data()); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
        if (matters(message)) onChange();
      }
    }
  }

  bool matters(const nlmsghdr* message) {
    switch (message->nlmsg_type) {
      case RTM_NEWADDR:
      case RTM_DELADDR:
        return true;
      case RTM_NEWROUTE:
      case RTM_DELROUTE: {
        rtmsg route{};
        // What the kernel has found out for one destination, and its own table of local addresses, is no change.
        return bodyOf(message, route) && route.rtm_type == RTN_UNICAST && (route.rtm_flags & RTM_F_CLONED) == 0;
      }
      case RTM_NEWLINK: {
        ifinfomsg link{};
        if (!bodyOf(message, link)) return false;
        // Sent for any attribute of a link; what matters is whether it carries anything.
        const unsigned now = link.ifi_flags & (IFF_UP | IFF_RUNNING);
        const auto [at, fresh] = links_.try_emplace(link.ifi_index, now);
        return std::exchange(at->second, now) != now || fresh;
      }
      case RTM_DELLINK: {
        ifinfomsg link{};
        return bodyOf(message, link) && links_.erase(link.ifi_index) != 0;
      }
      default:
        return false;
    }
  }

  void onChange() {
    const TimePoint now = Clock::now();
    if (!tellBy_) tellBy_ = now + kLongest;
    timer_.expires_at(std::min<TimePoint>(now + kQuiet, *tellBy_));
    timer_.async_wait([weak = weak_from_this()](const ErrorCode& ec) {
      const auto self = weak.lock();
      if (ec || !self) return;
      self->tellBy_.reset();
      self->changed_();
    });
  }

  Socket socket_;
  Timer timer_;
  std::function<void()> changed_;
  std::optional<TimePoint> tellBy_;
  std::unordered_map<int, unsigned> links_;  ///< flags by index, of those that have been heard of
};

bool NetworkWatch::start() {
  if (listener_) return true;
  const int fd = openSocket();
  if (fd < 0) return false;
  listener_ = std::make_shared<Listener>(thread_, fd, changed_);
  listener_->wait();
  return true;
}

#else

class NetworkWatch::Listener {};
bool NetworkWatch::start() { return false; }

#endif

NetworkWatch::NetworkWatch(IoThread& thread, std::function<void()> changed) : thread_(thread), changed_(std::move(changed)) {}
NetworkWatch::~NetworkWatch() = default;
void NetworkWatch::stop() { listener_.reset(); }

}  // namespace chuantou::net
