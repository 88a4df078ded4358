// The server's TCP side: the pumps of paired sessions, on one thread or several.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "net/io_thread.hpp"
#include "net/pump.hpp"

namespace chuantou::engine {

/// On the front thread, which pumps by itself where there are no others.
class TcpRelay {
 public:
  /// Both connections of a session have ended; the bytes are those of both directions.
  using Ended = std::function<void(SessionId session, std::uint64_t bytes)>;

  /// `threads`: 0 is half of the machine's processors.
  TcpRelay(net::IoThread& front, unsigned threads, Ended ended);

  // From the thread that starts and stops the server, before the front thread and after it.
  void start();
  void stop() noexcept;

  void add(SessionId session, net::TcpSocket initiator, net::TcpSocket target);
  /// Resets both connections.
  void end(SessionId session);

 private:
  struct Relay {
    std::shared_ptr<net::Pump> pump;
    net::IoThread* thread;
  };

  net::IoThread& nextThread();
  void onEnd(SessionId session, std::uint64_t bytes);

  net::IoThread& front_;
  const Ended ended_;
  std::vector<std::unique_ptr<net::IoThread>> threads_;  ///< outlive what is on them
  std::unordered_map<std::uint64_t, Relay> relays_;
  std::size_t next_ = 0;
};

}  // namespace chuantou::engine
