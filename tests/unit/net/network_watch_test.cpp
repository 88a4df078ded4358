#include "net/network_watch.hpp"

#include <catch2/catch.hpp>

#ifdef __linux__
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>

using namespace chuantou;
using namespace chuantou::net;

namespace {

/// The loopback interface of the calling thread's network.
class Loopback {
 public:
  Loopback() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~Loopback() { ::close(fd_); }

  void setUp(bool up) {
    ifreq request = named("lo");
    request.ifr_flags = up ? IFF_UP | IFF_RUNNING : 0;
    REQUIRE(::ioctl(fd_, SIOCSIFFLAGS, &request) == 0);
  }
  /// Under a name of its own, so that it comes beside the others.
  void add(const char* address) {
    ifreq request = named("lo:1");
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(asio::ip::make_address_v4(address).to_uint());
    std::memcpy(&request.ifr_addr, &in, sizeof in);
    REQUIRE(::ioctl(fd_, SIOCSIFADDR, &request) == 0);
  }
  void remove() {
    ifreq request = named("lo:1");
    request.ifr_flags = 0;  // an alias that goes down is gone
    REQUIRE(::ioctl(fd_, SIOCSIFFLAGS, &request) == 0);
  }

 private:
  static ifreq named(const char* name) {
    ifreq request{};
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return request;
  }
  int fd_;
};

struct Watched {
  Watched() {
    REQUIRE(watch.start());
    REQUIRE(watch.start());  // once more is nothing
  }
  /// Whether `count` changes are told within two seconds.
  bool toldWithin(int count) {
    const TimePoint end = Clock::now() + std::chrono::seconds{2};
    while (told < count && Clock::now() < end) thread.context().run_one_until(end);
    return told == count;
  }
  IoThread thread;  // never started: the test runs its context
  int told = 0;
  NetworkWatch watch{thread, [this] { ++told; }};
};

/// On a thread that is alone in a new network. False: the system does not let us.
template <class F>
bool inOwnNetwork(F f) {
  bool allowed = false;
  std::thread runner{[&] {
    allowed = ::unshare(CLONE_NEWNET) == 0;
    if (allowed) f();
  }};
  runner.join();
  if (!allowed) WARN("skipped: no network namespace without privileges");
  return allowed;
}

}  // namespace

TEST_CASE("a link, an address and its end are told, each once", "[net][network_watch]") {
  inOwnNetwork([] {
    Loopback lo;
    Watched watched;
    lo.setUp(true);
    CHECK(watched.toldWithin(1));
    lo.add("198.51.100.7");
    CHECK(isLocalAddress(asio::ip::make_address("198.51.100.7")));
    CHECK(watched.toldWithin(2));
    lo.remove();
    CHECK_FALSE(isLocalAddress(asio::ip::make_address("198.51.100.7")));
    CHECK(watched.toldWithin(3));
  });
}

TEST_CASE("a network that does not rest is told of nevertheless, now and then", "[net][network_watch]") {
  inOwnNetwork([] {
    Loopback lo;
    lo.setUp(true);
    Watched watched;
    const TimePoint start = Clock::now();
    while (watched.told == 0 && Clock::now() < start + std::chrono::seconds{3}) {
      lo.add("198.51.100.7");
      watched.thread.context().run_for(Millis{20});
      lo.remove();
      watched.thread.context().run_for(Millis{20});
    }
    CHECK(watched.told >= 1);  // a busy machine may have given it a rest, and another one
    CHECK(Clock::now() - start < std::chrono::seconds{3});
  });
}

TEST_CASE("who has stopped watching hears nothing, not even of what came before", "[net][network_watch]") {
  inOwnNetwork([] {
    Loopback lo;
    Watched watched;
    lo.setUp(true);
    watched.thread.context().run_for(Millis{50});  // it has been read, and the quiet is waited for
    watched.watch.stop();
    lo.add("198.51.100.7");
    watched.thread.context().restart();
    watched.thread.context().run_for(2 * NetworkWatch::kQuiet);
    CHECK(watched.told == 0);
  });
}
#endif

TEST_CASE("loopback and no address in particular are always there", "[net][network_watch]") {
  for (const char* address : {"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::"}) {
    INFO(address);
    CHECK(chuantou::net::isLocalAddress(asio::ip::make_address(address)));
  }
  CHECK_FALSE(chuantou::net::isLocalAddress(asio::ip::make_address("203.0.113.250")));
  CHECK_FALSE(chuantou::net::isLocalAddress(asio::ip::make_address("2001:db8::1:2:3")));
}
