// Tells when this machine's network has become another one: an address, a route or a link came or went.
#pragma once

#include "net/io_thread.hpp"

namespace chuantou::net {

/// Watches with rtnetlink(7) on Linux; elsewhere it never tells anything. What it tells is a hint: connections may be dead,
/// and what one knew of the way out may be wrong. Threads: made, used and destroyed on `thread`, or while that does not run.
class NetworkWatch {
 public:
  /// `changed` runs on the thread, once the network has been quiet for kQuiet, or has been changing for kLongest.
  NetworkWatch(IoThread& thread, std::function<void()> changed);
  ~NetworkWatch();
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

  /// False: this system does not tell, or does not let us listen.
  bool start();
  void stop();

  static constexpr Millis kQuiet{200};
  static constexpr Millis kLongest{1'000};

 private:
  class Listener;

  IoThread& thread_;
  std::function<void()> changed_;
  std::shared_ptr<Listener> listener_;
};

/// Whether a socket that has this address can still send: it is that of an interface, or of no interface in particular.
/// True when the system does not say.
bool isLocalAddress(const asio::ip::address& address);

}  // namespace chuantou::net
